// The strip above the nodes. A figure that is not known is not shown.
import type { StatsView } from "../../protocol/node-views.ts";
import { runWords } from "../batch/lanes.ts";
import { Figure, Figures } from "../ui/figures.tsx";
import { share } from "./network-query.ts";

export function NetworkFacts({ stats }: { readonly stats: StatsView }) {
  const { nodes, resources, jobs, berth } = stats;
  const there = nodes.online + nodes.busy;
  const { p50, p95 } = berth.verdict_seconds;
  return (
    <Figures>
      <Figure name="Nodes online" value={there} detail={`of ${nodes.total}, ${nodes.busy} at work`} />
      <Figure
        name="Owners online"
        value={berth.owners_online}
        detail={`${resources.total_cpu_cores} cores, ${resources.total_memory_gb} GB`}
      />
      <Figure
        name="Verified results"
        value={berth.verified_executions}
        detail={berth.agreement_rate === null ? "owners agreed" : `${share(berth.agreement_rate)} of votes agree`}
      />
      <Figure
        name="Runs, last hour"
        value={berth.executions_last_hour}
        detail={`${berth.executions_last_minute} in the last minute`}
      />
      {p50 !== null && (
        <Figure
          name="Verdict after"
          value={runWords(p50 * 1000)}
          detail={p95 === null ? "median" : `median; 95 % in ${runWords(p95 * 1000)}`}
        />
      )}
      <Figure
        name="Jobs"
        value={jobs.total}
        detail={`${jobs.running} running, ${berth.queue_length} waiting, ${jobs.failed} failed`}
      />
    </Figures>
  );
}
