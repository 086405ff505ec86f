// Who agreed, in a row of a list: a filled box for each owner behind the result, a hollow one for every other run.
import type { BatchJobView } from "../../protocol/batch.ts";
import { votesOf } from "./lanes.ts";

type Judged = Pick<BatchJobView, "verdict" | "executions_count" | "assurance" | "consensus">;

export function Votes({ job }: { readonly job: Judged }) {
  const { votes, runs, needed } = votesOf(job);
  const accepted = job.verdict?.kind === "accepted" || job.verdict?.kind === "unverified";
  const boxes = Math.max(runs, needed);
  const said = `${votes} of ${needed} owners needed agree; ${runs} ${runs === 1 ? "run" : "runs"}`;
  return (
    <span className="inline-flex items-center gap-2 whitespace-nowrap" role="img" aria-label={said} title={said}>
      <svg viewBox={`0 0 ${boxes * 12} 12`} width={boxes * 12} height="12" aria-hidden="true">
        {Array.from({ length: boxes }, (_, at) => {
          const x = at * 12 + 1;
          // biome-ignore lint/suspicious/noArrayIndexKey: a box is its place
          if (at < votes) return <path key={at} d={`M${x} 1h9v9h-9z`} fill={accepted ? "var(--free)" : "var(--off)"} />;
          const dash = at < runs ? {} : { strokeDasharray: "2 2" };
          const d = `M${x + 0.75} 1.75h7.5v7.5h-7.5z`;
          // biome-ignore lint/suspicious/noArrayIndexKey: a box is its place
          return <path key={at} d={d} fill="none" stroke="var(--off)" strokeWidth="1.5" {...dash} />;
        })}
      </svg>
      <span className="num" aria-hidden="true">
        {votes}/{needed}
      </span>
    </span>
  );
}
