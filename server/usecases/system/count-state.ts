// Counts by the statuses that people see, for the gauges.
import { rentalStatus } from "../../../domain/job/status.ts";
import { providerStatus } from "../../../domain/provider/state.ts";
import type { Deps } from "../../deps.ts";
import { countGpus, countJobGroups, countPending, countProviderGroups, oldestDue } from "../../repos/counts.ts";

export async function countState({ db, clock }: Pick<Deps, "db" | "clock">) {
  const now = clock.now();
  const [jobGroups, providerGroups, gpus, waiting, due] = await Promise.all([
    countJobGroups(db),
    countProviderGroups(db),
    countGpus(db),
    countPending(db),
    oldestDue(db, now),
  ]);
  const seconds = (since: Date | null) => (since ? Math.max(0, (now.getTime() - since.getTime()) / 1000) : 0);
  const jobs: Record<string, number> = {};
  for (const { status, reason, started, settled, count } of jobGroups) {
    const shown = rentalStatus(status, reason, started ? now : null, settled);
    jobs[shown] = (jobs[shown] ?? 0) + count;
  }
  const providers: Record<string, number> = {};
  for (const { admission, presence, drain, count } of providerGroups) {
    const shown = providerStatus(admission, presence, drain);
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
