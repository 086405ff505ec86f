// Usage once a minute, for those who may see it.
import type { Principal } from "../../../domain/account/principal.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import type { SampleView } from "../../../protocol/provider-views.ts";
import type { Deps } from "../../deps.ts";
import { ownerOf, samplesSince } from "../../repos/samples.ts";
import { noSuchProvider } from "./owned.ts";

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1440;
/** More points than a chart has pixels say nothing. */
const MOST_POINTS = 1500;

/** Of the last day unless asked otherwise. @throws AppError `not-found` for a stranger */
export async function listSamples(
  { db, clock, settings }: Pick<Deps, "db" | "clock" | "settings">,
  principal: Principal,
  id: ProviderId,
  { minutes = DAY_MINUTES }: { readonly minutes?: number | undefined },
): Promise<{ samples: SampleView[]; count: number; next_cursor: null }> {
  const owner = await ownerOf(db, id);
  const operates = principal.scopes.includes("wallet") && settings.operators.includes(principal.account);
  if (owner === null || (owner !== principal.account && !operates)) throw noSuchProvider();
  const since = new Date(clock.now().getTime() - minutes * MINUTE_MS);
  const rows = await samplesSince(db, id, since, MOST_POINTS);
  const samples = rows.map(({ at, cpuPercent, memoryUsedMb, gpus }) => ({
    at: at.toISOString(),
    cpu_percent: cpuPercent,
    memory_used_mb: memoryUsedMb,
    gpus: [...gpus],
  }));
  return { samples, count: samples.length, next_cursor: null };
}
