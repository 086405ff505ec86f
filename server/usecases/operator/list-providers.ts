// Providers as operators judge them.
import { type Principal, requireOperator } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import { INCIDENT_CODES, INCIDENT_WINDOW_MS } from "../../../domain/provider/incidents.ts";
import { ADMISSIONS, type Admission } from "../../../domain/provider/state.ts";
import type { OperatorProviderView } from "../../../protocol/provider-views.ts";
import type { Deps } from "../../deps.ts";
import { idCursors } from "../../repos/cursor.ts";
import {
  batchQueue,
  countAdmissions,
  countEventsOf,
  countLiveExecutions,
  providersForOperator,
  quarantinesOf,
  sharersOf,
} from "../../repos/operator.ts";
import { findShownProvider, type ShownProvider } from "../../repos/providers.ts";
import { toProviderView } from "../provider/provider-view.ts";

const DEFAULT_LIMIT = 20;
const cursors = idCursors("operator-providers", "prov");

type OperatorDeps = Pick<Deps, "db" | "clock" | "settings">;

/** Six queries, however many are shown. @throws AppError `forbidden`, `missing-scope`, `bad-request` */
export async function listProvidersForOperator(
  deps: OperatorDeps,
  operator: Principal,
  query: {
    readonly limit?: number | undefined;
    readonly cursor?: string | undefined;
    readonly admission?: Admission | undefined;
    readonly search?: string | undefined;
  },
): Promise<{
  providers: OperatorProviderView[];
  count: number;
  next_cursor: string | null;
  admissions: Record<string, number>;
}> {
  requireOperator(operator, deps.settings.operators);
  const limit = query.limit ?? DEFAULT_LIMIT;
  const filter = {
    admission: query.admission ?? null,
    search: query.search ?? null,
    beforeId: cursors.open(query.cursor),
    limit: limit + 1,
  };
  const [rows, admissions] = await Promise.all([providersForOperator(deps.db, filter), countAdmissions(deps.db)]);
  const { shown, ...rest } = cursors.page(rows, limit, ({ provider }) => provider.id);
  return {
    providers: await withBeside(deps, shown),
    ...rest,
    admissions: Object.fromEntries(ADMISSIONS.map((admission) => [admission, admissions.get(admission) ?? 0])),
  };
}

/** @throws AppError `forbidden`, `missing-scope`, `not-found` */
export async function getProviderForOperator(
  deps: OperatorDeps,
  operator: Principal,
  id: ProviderId,
): Promise<OperatorProviderView> {
  requireOperator(operator, deps.settings.operators);
  const row = await findShownProvider(deps.db, id);
  const [view] = await withBeside(deps, row ? [row] : []);
  if (!view) throw new AppError("not-found", "There is no such provider.");
  return view;
}

/**
 * How many batch jobs wait for machines, and since when (RFC 3339) the oldest; for the page above the list.
 * @throws AppError `forbidden`, `missing-scope`
 */
export async function readBatchQueue(
  { db, settings }: Pick<Deps, "db" | "settings">,
  operator: Principal,
): Promise<{ readonly waiting: number; readonly oldest: string | null }> {
  requireOperator(operator, settings.operators);
  const { waiting, oldest } = await batchQueue(db);
  return { waiting, oldest: oldest?.toISOString() ?? null };
}

async function withBeside(
  { db, clock }: OperatorDeps,
  rows: readonly ShownProvider[],
): Promise<OperatorProviderView[]> {
  if (rows.length === 0) return [];
  const ids = rows.map(({ provider }) => provider.id);
  const since = new Date(clock.now().getTime() - INCIDENT_WINDOW_MS);
  const [live, incidents, sharers, quarantines] = await Promise.all([
    countLiveExecutions(db, ids),
    countEventsOf(db, ids, INCIDENT_CODES, since),
    sharersOf(db, ids),
    quarantinesOf(db, ids),
  ]);
  return rows.map((row) => {
    const quarantine = quarantines.get(row.provider.id);
    const { id, admission, admissionReason, drain, presence, host, hostname } = row.provider;
    return {
      ...toProviderView(row),
      ...{ admission, admission_reason: admissionReason, drain, presence, host, hostname },
      live_executions: live.get(id) ?? 0,
      incidents: incidents.get(id) ?? 0,
      shares_gpus_with: sharers.get(id) ?? [],
      quarantine: quarantine ? { since: quarantine.since.toISOString(), reason: quarantine.reason } : null,
    };
  });
}
