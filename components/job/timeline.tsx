// What happened to a job, oldest first.
import type { EventView } from "../../protocol/job-views.ts";
import { Panel } from "../shell/page.tsx";
import { Moment } from "../ui/time.tsx";

export function Timeline({ events }: { readonly events: readonly EventView[] }) {
  return (
    <Panel title="What happened">
      {events.length === 0 ? (
        <p className="text-ink-3 text-cell">Nothing yet.</p>
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
              <span>{event.message}</span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}
