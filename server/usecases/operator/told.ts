// Events as operators read them, a page at a time.
import type { ProviderEventView } from "../../../protocol/views.ts";
import { sealCursor } from "../../repos/cursor.ts";
import type { ToldEvent } from "../../repos/operator.ts";

export const DEFAULT_EVENTS = 50;

/** @param rows newest first, one more than `limit` where there are more */
export function toEventPage(rows: readonly ToldEvent[], limit: number) {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    events: shown.map(toView),
    count: shown.length,
    next_cursor: rows.length > limit && last ? sealCursor(String(last.event.id)) : null,
  };
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
