// The reputation ledger of a machine; a loss can be appealed from here.
import type { ReputationEventView } from "../../protocol/views.ts";
import { Panel } from "../shell/page.tsx";
import type { FormAction } from "../ui/form-state.ts";
import { Moment } from "../ui/time.tsx";
import { AppealDialog } from "./appeal-dialog.tsx";
import { REPUTATION_WORDS } from "./words.ts";

interface ReputationProps {
  readonly reputation: number;
  readonly events: readonly ReputationEventView[];
  /** null for those who only look */
  readonly appeal: FormAction | null;
}

export function ReputationPanel({ reputation, events, appeal }: ReputationProps) {
  return (
    <Panel title="Reputation" note="of 1000; customers filter by it">
      <p className="mb-2 font-[500] font-mono text-figure tabular-nums tracking-[-0.02em]">{reputation}</p>
      <ol className="text-cell">
        {events.map((event) => (
          <li key={event.id} className="grid gap-1 border-line border-b border-dashed py-2 last:border-b-0">
            <p className="flex flex-wrap items-baseline gap-x-3">
              <span className="num w-10 font-[560]">
                {event.delta > 0 ? "+" : "−"}
                {Math.abs(event.delta)}
              </span>
              <span className="min-w-0">{REPUTATION_WORDS[event.reason] ?? event.reason}</span>
              <span className="ml-auto text-ink-3 text-small">
                to <span className="num">{event.score}</span> · <Moment at={event.at} withDay />
              </span>
            </p>
            {event.appeal && <Appealed appeal={event.appeal} />}
            {event.appeal_until && appeal && (
              <div className="flex flex-wrap items-center gap-x-3 gap-y-1 text-ink-3 text-small">
                <AppealDialog eventId={event.id} points={-event.delta} action={appeal} />
                <span>
                  until <Moment at={event.appeal_until} withDay />
                </span>
              </div>
            )}
          </li>
        ))}
      </ol>
    </Panel>
  );
}

function Appealed({ appeal }: { readonly appeal: NonNullable<ReputationEventView["appeal"]> }) {
  const { decision, reply, text } = appeal;
  return (
    <div className="border-line-strong border-l-2 pl-3 text-ink-2 text-small">
      <p>
        {decision === null ? "Appealed; an operator owes an answer" : `The appeal was ${decision}`}: “{text}”
      </p>
      {reply && <p>Answer: {reply}</p>}
    </div>
  );
}
