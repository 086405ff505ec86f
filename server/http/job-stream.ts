// A job's events as server-sent events: what was missed first, then what happens, as it happens.

import type { Principal } from "../../domain/account/principal.ts";
import type { JobId } from "../../domain/ids.ts";
import type { EventView } from "../../protocol/views.ts";
import type { Deps } from "../deps.ts";
import { authenticate } from "../usecases/account/authenticate.ts";
import { hangBell } from "../usecases/bell.ts";
import { listJobEvents } from "../usecases/job/list-job-events.ts";

/** A comment this often keeps proxies from closing the stream, and is when a revoked login ends it. */
const KEEP_ALIVE_MS = 15_000;
const RETRY_MS = 2_000;
const PAGE = 100;

interface Watch {
  readonly deps: Deps;
  readonly principal: Principal;
  readonly token: string | null;
  readonly jobId: JobId;
  /** the last event the client saw */
  readonly lastEventId: number | null;
  readonly signal: AbortSignal;
}

/** @throws AppError `not-found` before anything is sent */
export async function streamJobEvents(watch: Watch): Promise<AsyncIterable<string>> {
  await listJobEvents(watch.deps, watch.principal, watch.jobId, { limit: 1 });
  return messages(watch);
}

async function* messages({ deps, principal, token, jobId, lastEventId, signal }: Watch): AsyncGenerator<string> {
  // Subscribed before the first read, so that nothing falls between the two. A lost wake is found at the next comment.
  const bell = hangBell(deps.wakes, jobId);
  let afterId = lastEventId ?? 0;
  try {
    yield `retry: ${RETRY_MS}\n\n`;
    while (!signal.aborted) {
      const { events, next_cursor } = await listJobEvents(deps, principal, jobId, { afterId, limit: PAGE });
      for (const event of events) yield message(event);
      afterId = Number(events.at(-1)?.id ?? afterId);
      if (next_cursor !== null) continue;
      if (await bell.heard(KEEP_ALIVE_MS, signal)) continue;
      if (token !== null && !(await authenticate(deps, token))) return;
      yield ": still here\n\n";
    }
  } finally {
    bell.stop();
  }
}

function message(event: EventView): string {
  return `id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`;
}
