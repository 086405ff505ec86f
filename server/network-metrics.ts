// What every process that shows metrics tells of the whole broker: jobs, nodes and verdicts, counted from the rows.
import type { Deps } from "./deps.ts";
import { metrics, setCounts, wireMetrics } from "./metrics.ts";
import { verdictFigures } from "./usecases/network/verdict-figures.ts";
import { countState } from "./usecases/system/count-state.ts";

type CountDeps = Pick<Deps, "db" | "clock">;

/** However often it is scraped, the database is asked at most this often. */
const KEPT_MS = 2_000;

/** Brings the gauges of jobs, nodes and verdicts up to date each time it is called. */
export function networkGauges(): (deps: CountDeps) => Promise<void> {
  const look = verdictFigures();
  return async (deps) => {
    const [{ jobs, providers, gpus, pending, lag }, { runSeconds, consensus }] = await Promise.all([
      countState(deps),
      look(deps),
    ]);
    setCounts(metrics.jobs, "status", jobs);
    setCounts(metrics.nodes, "status", providers);
    setCounts(metrics.gpus, "state", gpus);
    metrics.providersPending.set(pending.count);
    metrics.oldestPending.set(pending.oldestSeconds);
    setCounts(metrics.sweepLag, "kind", lag);
    for (const seconds of runSeconds) metrics.jobDuration.observe(seconds);
    if (consensus !== null) metrics.consensus.set(consensus);
  };
}

/** The dispatcher's view of a web process, whose /metrics tells of the broker as the seed's coordinator does. */
export function webMetrics(deps: CountDeps & Pick<Deps, "log">): typeof wireMetrics {
  const bring = networkGauges();
  let broughtMs = Number.NEGATIVE_INFINITY;
  return {
    ...wireMetrics,
    async text() {
      if (performance.now() - broughtMs >= KEPT_MS) {
        broughtMs = performance.now();
        await bring(deps).catch((err: unknown) => deps.log.warn({ err }, "the broker's gauges could not be counted"));
      }
      return wireMetrics.text();
    },
  };
}
