// An account's jobs of both kinds in one list, newest first, a page at a time.
import type { Principal } from "../../../domain/account/principal.ts";
import type { JobId } from "../../../domain/ids.ts";
import { BATCH_STATUSES, type BatchStatus } from "../../../domain/job/batch.ts";
import { RENTAL_STATUSES, type RentalStatus } from "../../../domain/job/status.ts";
import type { AnyJobsView, AnyJobView } from "../../../protocol/operations/job.ts";
import type { Deps } from "../../deps.ts";
import { listBatchRows } from "../../repos/batch-jobs.ts";
import { idCursors } from "../../repos/cursor.ts";
import { listJobRows } from "../../repos/jobs.ts";
import { toBatchViews } from "../batch/get-batch.ts";
import { toJobView } from "./job-view.ts";

const DEFAULT_LIMIT = 20;
const cursors = idCursors("jobs", "job");

type ReadDeps = Pick<Deps, "db" | "clock" | "settings">;

interface ListQuery {
  readonly kind?: "rental" | "batch" | undefined;
  /** of either kind: only jobs that know this status are listed */
  readonly status?: RentalStatus | BatchStatus | undefined;
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

interface PageOf {
  readonly status: ListQuery["status"];
  readonly beforeId: JobId | null;
  readonly limit: number;
}

export async function listJobs(deps: ReadDeps, owner: Principal, query: ListQuery): Promise<AnyJobsView> {
  const limit = query.limit ?? DEFAULT_LIMIT;
  const beforeId = cursors.open(query.cursor);
  // One more of each than is shown: whichever are the newest, it tells whether there are more.
  const page = { status: query.status, beforeId, limit: limit + 1 };
  const [rentals, batches] = await Promise.all([
    query.kind === "batch" ? [] : rentalsOf(deps, owner, page),
    query.kind === "rental" ? [] : batchesOf(deps, owner, page),
  ]);
  const found = [...rentals, ...batches].sort((a, b) => (a.id < b.id ? 1 : -1));
  const { shown, ...rest } = cursors.page(found, limit, ({ id }) => id);
  return { jobs: shown, ...rest };
}

async function rentalsOf({ db, clock }: ReadDeps, { account }: Principal, page: PageOf): Promise<AnyJobView[]> {
  const status = RENTAL_STATUSES.find((one) => one === page.status) ?? null;
  if (page.status !== undefined && status === null) return [];
  const now = clock.now();
  return (await listJobRows(db, account, { ...page, status })).map((row) => toJobView(row, now));
}

async function batchesOf(deps: ReadDeps, { account }: Principal, page: PageOf): Promise<AnyJobView[]> {
  const status = BATCH_STATUSES.find((one) => one === page.status) ?? null;
  if (page.status !== undefined && status === null) return [];
  return toBatchViews(deps, account, await listBatchRows(deps.db, account, { ...page, status }));
}
