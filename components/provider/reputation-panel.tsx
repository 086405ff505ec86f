// The reputation ledger of one's own machine; a loss can be appealed from here.
import type { ReputationEventView } from "../../protocol/provider-views.ts";
import type { FormAction } from "../ui/form-state.ts";
import { Moment } from "../ui/time.tsx";
import { AppealDialog } from "./appeal-dialog.tsx";
import { ReputationLedger } from "./reputation-ledger.tsx";

interface ReputationProps {
  readonly reputation: number;
  readonly events: readonly ReputationEventView[];
  readonly firstHref: string | null;
  readonly nextHref: string | null;
  /** null for those who only look */
  readonly appeal: FormAction | null;
}

export function ReputationPanel({ appeal, ...ledger }: ReputationProps) {
  return (
    <ReputationLedger
      {...ledger}
      note="of 1000; customers filter by it"
      under={(event) => (
        <>
          {event.appeal && <Appealed appeal={event.appeal} />}
          {event.appeal_until && appeal && (
            <div className="flex flex-wrap items-center gap-x-3 gap-y-1 text-ink-3 text-small">
              <AppealDialog eventId={event.id} points={-event.delta} action={appeal} />
              <span>
                until <Moment at={event.appeal_until} withDay />
              </span>
            </div>
          )}
        </>
      )}
    />
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
