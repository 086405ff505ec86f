// Totals of the network as the seed tells them, and what Berth knows besides: read at most once in two seconds.
import { nodeStatus } from "../../../domain/provider/node-status.ts";
import { providerStatus } from "../../../domain/provider/state.ts";
import type { StatsView } from "../../../protocol/node-views.ts";
import type { Db, Deps } from "../../deps.ts";
import {
  countGivenOut,
  countOwnersOnline,
  countStandings,
  countVerified,
  countWaiting,
  latestVerdicts,
} from "../../repos/network.ts";
import { countJobs } from "../system/count-state.ts";

type StatsDeps = Pick<Deps, "db" | "clock">;

const KEPT_MS = 2_000;
const MOST_VERDICTS = 1000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** One a process and database, forgotten with it. */
const kept = new WeakMap<Db, { readonly atMs: number; readonly stats: Promise<StatsView> }>();

/** Who asks while it is being read, or within two seconds, gets the same answer. */
export function networkStats(deps: StatsDeps): Promise<StatsView> {
  const last = kept.get(deps.db);
  if (last && performance.now() - last.atMs < KEPT_MS) return last.stats;
  const stats = read(deps);
  kept.set(deps.db, { atMs: performance.now(), stats });
  stats.catch(() => kept.delete(deps.db)); // the next one asks again
  return stats;
}

async function read(deps: StatsDeps): Promise<StatsView> {
  const { db, clock } = deps;
  const now = clock.now();
  const before = (ms: number) => new Date(now.getTime() - ms);
  const [standings, jobs, verdicts, verified, owners, lastHour, lastMinute, waiting] = await Promise.all([
    countStandings(db),
    countJobs(deps),
    latestVerdicts(db, MOST_VERDICTS, before(HOUR_MS)),
    countVerified(db),
    countOwnersOnline(db),
    countGivenOut(db, before(HOUR_MS)),
    countGivenOut(db, before(MINUTE_MS)),
    countWaiting(db),
  ]);
  const nodes = { total: 0, online: 0, busy: 0, offline: 0 };
  const resources = { total_cpu_cores: 0, total_memory_gb: 0 };
  for (const { admission, presence, drain, quarantined, busy, count, cores, memory } of standings) {
    const status = nodeStatus(providerStatus(admission, presence, drain, quarantined), busy ? 1 : 0);
    nodes.total += count;
    nodes[status] += count;
    if (status === "offline") continue;
    resources.total_cpu_cores += cores;
    resources.total_memory_gb += memory;
  }
  const of = (...statuses: readonly string[]) => statuses.reduce((sum, status) => sum + (jobs[status] ?? 0), 0);
  return {
    nodes: { total: nodes.total, online: nodes.online, busy: nodes.busy },
    resources,
    jobs: {
      total: of(...Object.keys(jobs)),
      completed: of("completed", "stopped", "expired"),
      running: of("running", "scheduled", "verifying", "stopping"),
      failed: of("failed", "cancelled"),
    },
    berth: {
      verified_executions: verified,
      agreement_rate: verdicts.agreement,
      owners_online: owners,
      executions_last_hour: lastHour,
      executions_last_minute: lastMinute,
      verdict_seconds: { p50: verdicts.p50, p95: verdicts.p95 },
      queue_length: waiting,
    },
  };
}
