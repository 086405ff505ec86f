// The wire behind Next's own server, where no socket's address is known: nobody is anonymous there.
import { AppError } from "../../domain/errors.ts";
import { publishedDispatch } from "../published.ts";
import type { WireResponse } from "./message.ts";
import { problemOf } from "./problem.ts";

export async function answerFetch(request: Request): Promise<Response> {
  const dispatch = publishedDispatch();
  if (!dispatch) return notStarted();
  const { pathname, search } = new URL(request.url);
  const response = await dispatch({
    method: request.method,
    target: pathname + search,
    headers: Object.fromEntries(request.headers),
    peer: null,
    body: request.body && chunksOf(request.body),
    signal: request.signal,
  });
  const body = request.method === "HEAD" ? null : bodyOf(response);
  return new Response(body, { status: response.status, headers: response.headers });
}

function notStarted(): Response {
  const problem = problemOf(
    new AppError("unavailable", "The wire runs behind web/main.ts, which was not started."),
    "none",
  );
  return Response.json(problem, { status: problem.status, headers: { "content-type": "application/problem+json" } });
}

async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
}

function bodyOf({ body }: WireResponse): BodyInit | null {
  if (body === null || typeof body === "string") return body;
  const parts = body[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const part = await parts.next();
      if (part.done) controller.close();
      else controller.enqueue(encoder.encode(part.value));
    },
    async cancel() {
      await parts.return?.();
    },
  });
}
