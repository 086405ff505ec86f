// A job's log as server-sent events: `logs` with text, `reset` where it begins anew, `end` when the job is over.
import type { Principal } from "../../domain/account/principal.ts";
import type { JobId } from "../../domain/ids.ts";
import type { Deps } from "../deps.ts";
import { getAnyJob } from "../usecases/job/any-job.ts";
import { followLogs, type LogNews } from "../usecases/job/follow-logs.ts";
import { eventStream } from "./event-stream.ts";

interface Watch {
  readonly deps: Deps;
  readonly principal: Principal;
  readonly token: string | null;
  readonly jobId: JobId;
  readonly tailLines: number | null;
  /** the last event the client saw */
  readonly lastEventId: string | null;
  readonly signal: AbortSignal;
}

/** @throws AppError `not-found` before anything is sent */
export function streamJobLogs(watch: Watch): Promise<AsyncIterable<string>> {
  const { deps, principal, jobId, tailLines, lastEventId: after } = watch;
  return eventStream(watch, async (signal) =>
    messages(watch, await followLogs(deps, principal, jobId, { tailLines, after, signal })),
  );
}

async function* messages(
  { deps, principal, jobId }: Pick<Watch, "deps" | "principal" | "jobId">,
  news: AsyncIterable<LogNews>,
): AsyncGenerator<string> {
  for await (const one of news) {
    if (one.kind === "reset") yield message("reset", { truncated: one.truncated });
    else if (one.kind === "text") yield message("logs", { text: one.text }, one.place);
    else {
      const { status, reason } = await getAnyJob(deps, principal, jobId);
      yield message("end", { status, reason });
    }
  }
}

function message(event: string, data: unknown, id?: string): string {
  return `event: ${event}\n${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}
