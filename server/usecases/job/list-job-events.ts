// What happened to a job of either kind, oldest first.
import type { Principal } from "../../../domain/account/principal.ts";
import type { JobId } from "../../../domain/ids.ts";
import type { EventView } from "../../../protocol/job-views.ts";
import type { Deps } from "../../deps.ts";
import { ownsJob } from "../../repos/batch-jobs.ts";
import { numberCursors } from "../../repos/cursor.ts";
import { eventsAfter } from "../../repos/events.ts";
import { noSuchJob } from "./get-job.ts";

const DEFAULT_LIMIT = 100;
const cursors = numberCursors("job-events");

/** @param query.afterId the id of the last event seen, as a stream resumes; `cursor` pages a list */
export async function listJobEvents(
  { db }: Pick<Deps, "db">,
  owner: Principal,
  id: JobId,
  query: { afterId?: number | undefined; limit?: number | undefined; cursor?: string | undefined },
): Promise<{ events: EventView[]; count: number; next_cursor: string | null }> {
  if (!(await ownsJob(db, owner.account, id))) throw noSuchJob();
  const limit = query.limit ?? DEFAULT_LIMIT;
  const rows = await eventsAfter(db, id, query.afterId ?? cursors.open(query.cursor) ?? 0, limit + 1);
  const { shown, ...rest } = cursors.page(rows, limit, (event) => event.id);
  return {
    events: shown.map((e) => ({
      id: String(e.id),
      at: e.at.toISOString(),
      code: e.code,
      message: e.message,
      data: e.data,
    })),
    ...rest,
  };
}
