// Events as operators read them, a page at a time.
import type { ProviderEventView } from "../../../protocol/provider-views.ts";
import type { NumberCursors } from "../../repos/cursor.ts";
import type { ToldEvent } from "../../repos/operator.ts";

export const DEFAULT_EVENTS = 50;

/** @param rows newest first, one more than `limit` where there are more */
export function toEventPage(cursors: NumberCursors, rows: readonly ToldEvent[], limit: number) {
  const { shown, ...rest } = cursors.page(rows, limit, ({ event }) => event.id);
  return { events: shown.map(toView), ...rest };
}

/** What is about no provider, such as a request of a stranger, has no name. */
function toView({ event, providerName }: ToldEvent): ProviderEventView {
  const { id, subject, code, message, data, actor, at } = event;
  return {
    id,
    provider_id: subject,
    provider_name: providerName ?? "",
    code,
    message,
    data,
    actor,
    at: at.toISOString(),
  };
}
