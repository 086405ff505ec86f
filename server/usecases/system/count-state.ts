// Counts by the statuses that people see, for the gauges.
import { rentalStatus } from "../../../domain/job/status.ts";
import { providerStatus } from "../../../domain/provider/state.ts";
import type { Deps } from "../../deps.ts";
import { countGpus, countJobGroups, countProviderGroups } from "../../repos/counts.ts";

export async function countState({ db, clock }: Pick<Deps, "db" | "clock">) {
  const now = clock.now();
  const [jobGroups, providerGroups, gpus] = await Promise.all([
    countJobGroups(db),
    countProviderGroups(db),
    countGpus(db),
  ]);
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
  return { jobs, providers, gpus };
}
