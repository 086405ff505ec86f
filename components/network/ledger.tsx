// The reputation of a node, and why it is what it is: every change, open to everybody.
import Link from "next/link";
import type { ReputationEventView } from "../../protocol/views.ts";
import { REPUTATION_WORDS } from "../provider/words.ts";
import { Panel } from "../shell/page.tsx";
import { Moment } from "../ui/time.tsx";

interface LedgerProps {
  readonly reputation: number;
  readonly events: readonly ReputationEventView[];
  /** jobs that the reader may open */
  readonly mine: ReadonlySet<string>;
}

export function Ledger({ reputation, events, mine }: LedgerProps) {
  return (
    <Panel title="Reputation" note="0 to 1000; for people to choose by">
      <p className="mb-2 font-[500] font-mono text-figure tabular-nums tracking-[-0.02em]">{reputation}</p>
      <ol className="text-cell">
        {events.map(({ id, delta, reason, score, at, job_id: job }) => (
          <li
            key={id}
            className="flex flex-wrap items-baseline gap-x-3 border-line border-b border-dashed py-2 last:border-b-0"
          >
            <span className="num w-10 font-[560]">
              {delta > 0 ? "+" : delta < 0 ? "−" : "±"}
              {Math.abs(delta)}
            </span>
            <span className="min-w-0">
              {REPUTATION_WORDS[reason] ?? reason}
              {job && (
                <span className="text-small [overflow-wrap:anywhere]">
                  {" "}
                  {mine.has(job) ? (
                    <Link className="link" href={`/jobs/${job}`}>
                      Your job …{job.slice(-6)}
                    </Link>
                  ) : (
                    <span className="num text-ink-3">{job}</span>
                  )}
                </span>
              )}
            </span>
            <span className="ml-auto text-ink-3 text-small">
              to <span className="num">{score}</span> · <Moment at={at} withDay />
            </span>
          </li>
        ))}
      </ol>
    </Panel>
  );
}
