// A job's events as server-sent events: what was missed first, then what happens, as it happens.

import type { Principal } from "../../domain/account/principal.ts";
import type { JobId } from "../../domain/ids.ts";
import type { EventView } from "../../protocol/job-views.ts";
import type { Deps } from "../deps.ts";
import { hangBell } from "../usecases/bell.ts";
import { listJobEvents } from "../usecases/job/list-job-events.ts";
import { eventStream } from "./event-stream.ts";

/** A lost wake is found this late. */
const LOOK_AGAIN_MS = 15_000;
const PAGE = 100;

interface Watch {
  readonly deps: Deps;
  readonly principal: Principal;
  readonly token: string | null;
  readonly jobId: JobId;
  /** the last event the client saw; what is no event id starts from the beginning */
  readonly lastEventId: string | null;
  readonly signal: AbortSignal;
}

/** @throws AppError `not-found` before anything is sent */
export function streamJobEvents(watch: Watch): Promise<AsyncIterable<string>> {
  return eventStream(watch, async (signal) => {
    await listJobEvents(watch.deps, watch.principal, watch.jobId, { limit: 1 });
    return messages({ ...watch, signal });
  });
}

async function* messages({ deps, principal, jobId, lastEventId, signal }: Watch): AsyncGenerator<string> {
  // Subscribed before the first read, so that nothing falls between the two.
  const bell = hangBell(deps.wakes, jobId);
  let afterId = /^\d{1,15}$/.test(lastEventId ?? "") ? Number(lastEventId) : 0;
  try {
    while (!signal.aborted) {
      const { events, next_cursor } = await listJobEvents(deps, principal, jobId, { afterId, limit: PAGE });
      for (const event of events) yield message(event);
      afterId = Number(events.at(-1)?.id ?? afterId);
      if (next_cursor === null) await bell.heard(LOOK_AGAIN_MS, signal);
    }
  } finally {
    bell.stop();
  }
}

function message(event: EventView): string {
  return `id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`;
}
