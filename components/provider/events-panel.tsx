// What happened to a machine, newest first.
import type { ProviderEventView } from "../../protocol/provider-views.ts";
import { Panel } from "../shell/page.tsx";
import { Pager } from "../ui/pager.tsx";
import { shortAddress } from "../ui/span.ts";
import { Moment } from "../ui/time.tsx";

interface EventsProps {
  readonly events: readonly ProviderEventView[];
  readonly owner: string;
  readonly firstHref: string | null;
  readonly nextHref: string | null;
}

export function EventsPanel({ events, owner, firstHref, nextHref }: EventsProps) {
  return (
    <Panel title="What happened">
      {events.length === 0 ? (
        <p className="text-cell text-ink-3">Nothing yet.</p>
      ) : (
        <ol className="text-cell">
          {events.map((event) => (
            <li
              key={event.id}
              className="grid gap-x-4 border-line border-b border-dashed py-2 last:border-b-0 sm:grid-cols-[10.5rem_1fr]"
            >
              <span className="text-ink-3 text-small">
                <Moment at={event.at} withDay />
              </span>
              <span className="min-w-0 [overflow-wrap:anywhere]">
                {event.message}
                {event.actor && (
                  <span className="text-ink-3 text-small">
                    {" "}
                    · by{" "}
                    {event.actor === owner ? "its owner" : <span className="num">{shortAddress(event.actor)}</span>}
                  </span>
                )}
              </span>
            </li>
          ))}
        </ol>
      )}
      <Pager label="Events" firstHref={firstHref} nextHref={nextHref} />
    </Panel>
  );
}
