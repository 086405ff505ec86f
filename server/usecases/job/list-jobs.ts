// An account's jobs, newest first, a page at a time.
import type { Principal } from "../../../domain/account/principal.ts";
import type { JobId } from "../../../domain/ids.ts";
import type { BatchStatus } from "../../../domain/job/batch.ts";
import { RENTAL_STATUSES, type RentalStatus } from "../../../domain/job/status.ts";
import type { AnyJobsView } from "../../../protocol/operations/job.ts";
import type { Deps } from "../../deps.ts";
import { openCursor, sealCursor } from "../../repos/cursor.ts";
import { listJobRows } from "../../repos/jobs.ts";
import { toJobView } from "./job-view.ts";

const DEFAULT_LIMIT = 20;

export async function listJobs(
  { db, clock }: Pick<Deps, "db" | "clock">,
  owner: Principal,
  query: {
    kind?: "rental" | "batch" | undefined;
    status?: RentalStatus | BatchStatus | undefined;
    limit?: number | undefined;
    cursor?: string | undefined;
  },
): Promise<AnyJobsView> {
  const now = clock.now();
  const limit = query.limit ?? DEFAULT_LIMIT;
  const beforeId = openCursor(query.cursor, (text): text is JobId => text.startsWith("job_"));
  const rows = await listJobRows(db, owner.account, {
    status: RENTAL_STATUSES.find((one) => one === query.status) ?? null,
    beforeId,
    limit: limit + 1,
  });
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    jobs: shown.map((row) => toJobView(row, now)),
    count: shown.length,
    next_cursor: rows.length > limit && last ? sealCursor(last.job.id) : null,
  };
}
