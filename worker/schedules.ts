// The periodic catch-up of one worker. Each line is one sweep; several workers at once do no harm.
import { setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { Deps } from "../server/deps.ts";
import { metrics, setTotals } from "../server/metrics.ts";
import { networkGauges } from "../server/network-metrics.ts";
import { runPods } from "../server/usecases/batch/run-pods.ts";
import { sweepBatch } from "../server/usecases/batch/sweep-batch.ts";
import { sweepDueExecutions, sweepOrphans } from "../server/usecases/execution/sweep-executions.ts";
import { compareNodes, sweepDueNodes } from "../server/usecases/node/sweep-nodes.ts";
import { recordSamples } from "../server/usecases/provider/record-samples.ts";
import { sumBookedEarnings } from "../server/usecases/provider/sum-earnings.ts";
import { sweepMaintenance } from "../server/usecases/provider/sweep-maintenance.ts";
import { sweepOffers } from "../server/usecases/provider/sweep-offers.ts";
import { sweepSilentProviders } from "../server/usecases/provider/sweep-silent-providers.ts";
import { checkSavedSearches } from "../server/usecases/search/check-saved-searches.ts";
import { eventCounter } from "../server/usecases/system/count-events.ts";
import { forgetOldRows } from "../server/usecases/system/forget-old-rows.ts";
import { hasTurn } from "../server/usecases/system/has-turn.ts";
import { stampWorker } from "../server/usecases/system/stamp-worker.ts";

/** All workers together, not each: who lists a cluster's nodes is a load on its API server. */
const COMPARE_NODES_MS = 30_000;

interface Schedule {
  readonly name: string;
  readonly everyMs: number;
  readonly run: (deps: Deps) => Promise<unknown>;
}

function schedules(workerName: string): readonly Schedule[] {
  const countEvents = eventCounter();
  return [
    { name: "due", everyMs: 1_000, run: sweepDueExecutions },
    { name: "batch", everyMs: 1_000, run: sweepBatch },
    { name: "batch pods", everyMs: 1_000, run: runPods },
    { name: "stamp", everyMs: 5_000, run: (deps) => stampWorker(deps, workerName) },
    {
      name: "silence",
      everyMs: 5_000,
      run: async (deps) => metrics.providersOffline.inc(await sweepSilentProviders(deps)),
    },
    { name: "maintenance", everyMs: 5_000, run: sweepMaintenance },
    { name: "saved searches", everyMs: 30_000, run: checkSavedSearches },
    // More often than the minute that it writes once, so that no minute is skipped by a rhythm that drifts.
    { name: "samples", everyMs: 20_000, run: recordSamples },
    {
      name: "orphans",
      everyMs: 30_000,
      run: async (deps) => {
        const { orphans, missing, unsettled } = await sweepOrphans(deps);
        metrics.sweepCorrections.inc({ kind: "agent-orphan" }, orphans.agents);
        metrics.sweepCorrections.inc({ kind: "pod-orphan" }, orphans.pods);
        metrics.sweepCorrections.inc({ kind: "missing" }, missing);
        metrics.sweepCorrections.inc({ kind: "unsettled" }, unsettled);
      },
    },
    { name: "nodes-due", everyMs: 1_000, run: sweepDueNodes },
    {
      name: "nodes",
      everyMs: COMPARE_NODES_MS,
      run: async (deps) => {
        if (!(await hasTurn(deps, workerName, COMPARE_NODES_MS))) return;
        const { woken, refused } = await compareNodes(deps);
        metrics.sweepCorrections.inc({ kind: "node" }, woken);
        metrics.sweepCorrections.inc({ kind: "certificate-request" }, refused);
      },
    },
    {
      name: "offers",
      everyMs: 30_000,
      run: async (deps) => metrics.sweepCorrections.inc({ kind: "offer" }, await sweepOffers(deps)),
    },
    {
      name: "count",
      everyMs: 15_000,
      run: networkGauges(),
    },
    {
      name: "events",
      everyMs: 15_000,
      run: async (deps) => {
        const { admission, presence, drain, incidents } = await countEvents(deps);
        setTotals(metrics.admissionEdges, "to", admission);
        setTotals(metrics.presenceEdges, "to", presence);
        setTotals(metrics.drainEdges, "to", drain);
        setTotals(metrics.incidents, "code", incidents);
      },
    },
    { name: "earnings", everyMs: 60_000, run: sumBookedEarnings },
    { name: "forget", everyMs: 600_000, run: forgetOldRows },
  ];
}

/** Starts all sweeps, each at once and then in its rhythm, never twice at the same time. */
export function startSchedules(deps: Deps, workerName: string): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const all = schedules(workerName);
  setMaxListeners(all.length + 1, stopping.signal); // each of them waits for it, and for nothing longer than its pause
  const loops = all.map((schedule) => loop(deps, schedule, stopping.signal));
  return {
    async stop() {
      stopping.abort();
      await Promise.all(loops);
    },
  };
}

async function loop(deps: Deps, { name, everyMs, run }: Schedule, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await run(deps);
    } catch (error) {
      deps.log.error({ sweep: name, err: error }, "a sweep failed; the next one tries again");
    }
    await delay(everyMs, undefined, { signal }).catch(() => {});
  }
}
