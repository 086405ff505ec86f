// One batch job of an account, and its panel; a stranger's is not found.
import type { Principal } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import { isId, type JobId } from "../../../domain/ids.ts";
import type { BatchExecutionsView, BatchFilesView, BatchJobView } from "../../../protocol/batch.ts";
import type { Deps } from "../../deps.ts";
import { acceptedFiles, type BatchRow, executionsOf, findBatchRow, queuePositions } from "../../repos/batch-jobs.ts";
import { refusalsOf } from "../../repos/batch-limit.ts";
import { isWaiting, toBatchView, toExecutionView } from "./batch-view.ts";
import { type Kept, keptWaiting, mayBeKept } from "./kept-waiting.ts";

type ReadDeps = Pick<Deps, "db" | "clock" | "settings">;

/** @returns null where the account has no such batch job */
export async function findBatch(deps: ReadDeps, owner: Principal, id: JobId): Promise<BatchJobView | null> {
  const row = await findBatchRow(deps.db, owner.account, id);
  if (!row) return null;
  const [view] = await toBatchViews(deps, owner.account, [row]);
  return view ?? null;
}

/** The queue, and what keeps jobs from machines, are asked only where one of them waits. */
export async function toBatchViews(
  deps: ReadDeps,
  account: string,
  rows: readonly BatchRow[],
): Promise<BatchJobView[]> {
  const now = deps.clock.now();
  const waits = rows.filter(({ job }) => isWaiting(job));
  const waiting = waits.map(({ job }) => job);
  const ids = waiting.map(({ id }) => id);
  const given = waits.flatMap(({ job, executions }) => (executions > 0 ? [job.id] : []));
  const [before, kept, refused] = await Promise.all([
    queuePositions(deps.db, account, ids),
    keptWaiting(
      deps,
      waiting.filter(mayBeKept).map(({ id }) => id),
      now,
    ),
    refusalsOf(deps.db, given),
  ]);
  const why = (id: JobId): Kept | null => {
    const refusals = refused.get(id);
    return kept.get(id) ?? (refusals ? { code: "machines-refused", ...refusals } : null);
  };
  return rows.map((row) => {
    const { id } = row.job;
    return toBatchView(row, before.get(id) ?? null, why(id), now);
  });
}

/** Of a job that is not theirs: an empty list, as the seed answers. Results and digests are hidden until the verdict. */
export async function listExecutions(
  { db }: Pick<Deps, "db">,
  owner: Principal,
  id: string,
): Promise<BatchExecutionsView> {
  const rows = isId("job", id) ? await executionsOf(db, owner.account, id) : [];
  return { job_id: id, executions: rows.map(toExecutionView), count: rows.length, next_cursor: null };
}

/**
 * Output files of the accepted result.
 * @throws AppError `not-found` where the account has no such batch job, `conflict` where nothing was accepted
 */
export async function listFiles({ db }: Pick<Deps, "db">, owner: Principal, id: JobId): Promise<BatchFilesView> {
  const accepted = await acceptedFiles(db, owner.account, id);
  if (!accepted) throw new AppError("not-found", "the batch job does not exist");
  const { executionId, files } = accepted;
  if (executionId === null)
    throw new AppError("conflict", "It has no accepted result: there are no files to give out.");
  const given = files.map(({ path, content }) => ({ path, bytes: Buffer.byteLength(content, "base64"), content }));
  return { job_id: id, execution_id: executionId, files: given, count: given.length, next_cursor: null };
}
