// A list of jobs in every format.
import type { AnyJobView } from "../protocol/operations/job.ts";
import type { Io } from "./io.ts";
import { jobColumns } from "./job-words.ts";
import type { Answer } from "./output/present.ts";
import { renderTable } from "./output/table.ts";

export function jobsAnswer(io: Io, jobs: readonly AnyJobView[], nextCursor: string | null): Answer {
  return {
    data: { jobs, count: jobs.length, next_cursor: nextCursor },
    names: jobs.map(({ id }) => id),
    text: (wide) => (jobs.length === 0 ? "No jobs.\n" : renderTable(jobColumns(io.now()), jobs, { ...io, wide })),
  };
}
