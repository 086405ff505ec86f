// Server-sent events of a job: taken up where they broke off, until they end or nobody listens any more.
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { refusalOf } from "../protocol/client.ts";
import { pathOf } from "../protocol/operations.ts";
import { isPassing, pause, type Session } from "./session.ts";

const RETRY_MS = 2_000;
/** Lost connections in a row, without a message between them. */
const MOST_LOST = 30;

/** Never ends by itself: leave the loop at the event that is the last. @throws ProblemError; what fetch throws, in the end */
export async function* followEvents(
  session: Session,
  operation: "listJobEvents" | "getJobLogs",
  id: string,
  signal: AbortSignal,
  query: Readonly<Record<string, string>> = {},
): AsyncGenerator<EventSourceMessage> {
  const url = new URL(pathOf(operation).replace(":id", encodeURIComponent(id)), session.broker);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  let lastId: string | null = null;
  for (let lost = 0; lost < MOST_LOST; lost += 1) {
    try {
      for await (const message of connected(session, url, lastId, signal)) {
        lost = 0;
        lastId = message.id ?? lastId;
        yield message;
      }
    } catch (error) {
      if (signal.aborted || !isPassing(error) || lost + 1 === MOST_LOST) throw error;
    }
    await pause(RETRY_MS, signal);
  }
}

async function* connected(
  { fetch, token }: Session,
  url: URL,
  lastId: string | null,
  signal: AbortSignal,
): AsyncGenerator<EventSourceMessage> {
  const headers = new Headers({ accept: "text/event-stream" });
  if (token !== null) headers.set("authorization", `Bearer ${token}`);
  if (lastId !== null) headers.set("last-event-id", lastId);
  const response = await fetch(url, { headers, signal });
  if (!response.ok || !response.body) throw await refusalOf(response);
  const coming: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => void coming.push(message) });
  const text = new TextDecoder();
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      parser.feed(text.decode(value, { stream: true }));
      yield* coming.splice(0);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
