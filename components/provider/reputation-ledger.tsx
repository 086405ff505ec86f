// The reputation of a machine, and why it is what it is: every change, open to everybody.
import Link from "next/link";
import type { ReactNode } from "react";
import type { ReputationEventView } from "../../protocol/provider-views.ts";
import { Panel } from "../shell/page.tsx";
import { Pager } from "../ui/pager.tsx";
import { Moment } from "../ui/time.tsx";
import { REPUTATION_WORDS } from "./words.ts";

interface LedgerProps {
  readonly note: string;
  readonly reputation: number;
  readonly events: readonly ReputationEventView[];
  /** jobs that the reader may open */
  readonly mine?: ReadonlySet<string>;
  /** what stands under one of them */
  readonly under?: (event: ReputationEventView) => ReactNode;
  readonly firstHref: string | null;
  readonly nextHref: string | null;
}

export function ReputationLedger({ note, reputation, events, mine, under, firstHref, nextHref }: LedgerProps) {
  return (
    <Panel title="Reputation" note={note}>
      <p className="mb-2 font-[500] font-mono text-figure tabular-nums tracking-[-0.02em]">{reputation}</p>
      <ol className="text-cell">
        {events.map((event) => (
          <li key={event.id} className="grid gap-1 border-line border-b border-dashed py-2 last:border-b-0">
            <p className="flex flex-wrap items-baseline gap-x-3">
              <span className="num w-10 font-[560]">
                {event.delta > 0 ? "+" : event.delta < 0 ? "−" : "±"}
                {Math.abs(event.delta)}
              </span>
              <span className="min-w-0">
                {REPUTATION_WORDS[event.reason] ?? event.reason}
                {event.job_id && <AboutJob job={event.job_id} mine={mine?.has(event.job_id) ?? false} />}
              </span>
              <span className="ml-auto text-ink-3 text-small">
                to <span className="num">{event.score}</span> · <Moment at={event.at} withDay />
              </span>
            </p>
            {under?.(event)}
          </li>
        ))}
      </ol>
      <Pager label="Reputation" firstHref={firstHref} nextHref={nextHref} />
    </Panel>
  );
}

function AboutJob({ job, mine }: { readonly job: string; readonly mine: boolean }) {
  return (
    <span className="text-small [overflow-wrap:anywhere]">
      {" "}
      {mine ? (
        <Link className="link" href={`/jobs/${job}`}>
          Your job …{job.slice(-6)}
        </Link>
      ) : (
        <span className="num text-ink-3">{job}</span>
      )}
    </span>
  );
}
