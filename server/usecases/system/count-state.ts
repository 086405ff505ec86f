// Counts by the statuses that people see, for the gauges.
import { rentalStatus } from "../../../domain/job/status.ts";
import { providerStatus } from "../../../domain/provider/state.ts";
import type { Deps } from "../../deps.ts";
import { countGpus, countJobGroups, countPending, countProviderGroups, oldestDue } from "../../repos/counts.ts";
import { countBatchJobs } from "../network/count-batch.ts";

export async function countState({ db, clock }: Pick<Deps, "db" | "clock">) {
  const now = clock.now();
  const [jobs, providerGroups, gpus, waiting, due] = await Promise.all([
    countJobs({ db, clock }),
    countProviderGroups(db),
    countGpus(db),
    countPending(db),
    oldestDue(db, now),
  ]);
  const seconds = (since: Date | null) => (since ? Math.max(0, (now.getTime() - since.getTime()) / 1000) : 0);
  const providers: Record<string, number> = {};
  for (const { admission, presence, drain, quarantined, count } of providerGroups) {
    const shown = providerStatus(admission, presence, drain, quarantined);
    providers[shown] = (providers[shown] ?? 0) + count;
  }
  return {
    jobs,
    providers,
    gpus,
    pending: { count: waiting.count, oldestSeconds: seconds(waiting.oldest) },
    /** how late the sweeps are, in seconds; 0 where nothing is due */
    lag: { execution: seconds(due.execution), node: seconds(due.node) },
  };
}

/** Jobs of both kinds by the status that people see. */
export async function countJobs({ db, clock }: Pick<Deps, "db" | "clock">): Promise<Record<string, number>> {
  const now = clock.now();
  const [groups, batch] = await Promise.all([countJobGroups(db), countBatchJobs({ db, clock })]);
  const jobs: Record<string, number> = { ...batch };
  for (const { status, reason, started, settled, count } of groups) {
    const shown = rentalStatus(status, reason, started ? now : null, settled);
    jobs[shown] = (jobs[shown] ?? 0) + count;
  }
  return jobs;
}
