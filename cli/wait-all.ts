// Waiting for several jobs together, and the exit code that scripts go by.
import type { AnyJobView } from "../protocol/operations/job.ts";
import { CliError, EXIT } from "./errors.ts";
import { jobsAnswer } from "./job-list.ts";
import { present } from "./output/present.ts";
import { clean, painted } from "./output/words.ts";
import type { CommonFlags, Session } from "./session.ts";
import { type Goal, isGood, waitForJob } from "./wait.ts";

/** A stream for each up to here; more are only looked at, because a broker bounds what one account asks. */
const MOST_STREAMS = 8;

interface Wanted {
  readonly goal: Goal | null;
  /** null: as long as it takes */
  readonly timeoutSeconds: number | null;
}

/** @returns 0 where all came about, 1 where one failed or was cancelled. @throws CliError when time is up */
export async function awaitJobs(
  session: Session,
  flags: CommonFlags,
  ids: readonly string[],
  { goal, timeoutSeconds }: Wanted,
): Promise<number> {
  const { io } = session;
  const deadline = timeoutSeconds === null ? null : AbortSignal.timeout(timeoutSeconds * 1000);
  const onChange = (job: AnyJobView, waits: string | null) => io.tell(changeLine(io, job, waits));
  const waits = ids.map((id) =>
    waitForJob(session, id, { goal, deadline, onChange, listens: ids.length <= MOST_STREAMS }),
  );
  const ended = await Promise.allSettled(waits);
  if (io.signal.aborted) {
    const going = ids.filter((_, i) => ended[i]?.status === "rejected");
    throw new CliError("Nothing was stopped.", {
      remedy: `Go on waiting: berth wait ${going.join(" ")}`,
      exitCode: EXIT.interrupted,
    });
  }
  const jobs = ended.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  if (jobs.length > 0) present(io, flags, jobsAnswer(io, jobs, null));
  const refused = ended.find((one) => one.status === "rejected");
  if (refused?.status === "rejected") throw refused.reason;
  for (const { id, reason } of jobs) if (reason) io.tell(`${id}: ${clean(reason.sentence)} ${clean(reason.remedy)}`);
  return jobs.every((job) => isGood(job, goal)) ? EXIT.done : EXIT.jobFailed;
}

function changeLine({ tellColours }: Session["io"], job: AnyJobView, waits: string | null): string {
  return `${job.id}  ${painted(job.status, tellColours)}${waits === null ? "" : `: ${clean(waits)}`}`;
}
