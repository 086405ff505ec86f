// Carries requests from node:http to the dispatcher and its replies back: whole ones, streams, and refused uploads.
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { AppError } from "../../domain/errors.ts";
import type { Dispatch } from "./dispatch.ts";
import type { WireRequest, WireResponse } from "./message.ts";
import { problemOf } from "./problem.ts";

/** How long an upload that was refused may go on before its connection is cut. */
const DRAIN_MS = 2_000;

/** The requests that are being answered, so that a stop can tell them. */
export class InFlight {
  readonly #calls = new Set<AbortController>();
  #stopping = false;

  get stopping(): boolean {
    return this.#stopping;
  }

  begin(): AbortController {
    const call = new AbortController();
    if (this.#stopping) call.abort();
    this.#calls.add(call);
    return call;
  }

  end(call: AbortController): void {
    this.#calls.delete(call);
  }

  /** Long polls answer at once and streams end; everything else is left to finish. */
  tellToStop(): void {
    this.#stopping = true;
    for (const call of this.#calls) call.abort();
  }
}

export async function carry(
  dispatch: Dispatch,
  inFlight: InFlight,
  request: IncomingMessage,
  reply: ServerResponse,
): Promise<void> {
  const call = inFlight.begin();
  const gone = () => call.abort();
  reply.on("close", gone);
  try {
    const response = await dispatch(wireRequestOf(request, call.signal));
    // A connection that is about to be closed must not look worth another request.
    if (inFlight.stopping) reply.setHeader("connection", "close");
    await send(response, request, reply, call.signal);
  } catch {
    reply.destroy(); // the caller went away in the middle
  } finally {
    reply.off("close", gone);
    inFlight.end(call);
  }
}

export function wireRequestOf(request: IncomingMessage, signal: AbortSignal): WireRequest {
  return {
    method: request.method ?? "GET",
    target: request.url ?? "/",
    headers: request.headers,
    peer: request.socket.remoteAddress ?? null,
    // Destroying the request would take the reply with it.
    body: request.iterator({ destroyOnReturn: false }),
    signal,
  };
}

export async function send(
  response: WireResponse,
  request: IncomingMessage,
  reply: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const unread = !request.complete && hasBody(request);
  const { body } = response;
  const length = typeof body === "string" ? { "content-length": String(Buffer.byteLength(body)) } : {};
  reply.writeHead(response.status, { ...response.headers, ...length, ...(unread ? { connection: "close" } : {}) });
  const silent = request.method === "HEAD" || body === null;
  if (!silent && typeof body === "string") reply.write(body);
  if (!silent && typeof body !== "string") await pour(body, reply, signal);
  if (unread) await drain(request);
  reply.end();
}

async function pour(body: AsyncIterable<string>, reply: ServerResponse, signal: AbortSignal): Promise<void> {
  for await (const part of body) {
    if (signal.aborted) return;
    if (!reply.write(part)) await once(reply, "drain", { signal });
  }
}

/** A socket closed on unread bytes would lose the reply on its way. */
async function drain(request: IncomingMessage): Promise<void> {
  request.resume();
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, DRAIN_MS);
    request.once("close", resolve).once("end", resolve);
    request.once("end", () => clearTimeout(timer));
  });
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** What is no HTTP, or has headers beyond all bounds, is refused like everything else. */
export function refuseBrokenRequests(server: Server): void {
  server.on("clientError", (_error, socket) => {
    if (!socket.writable) return void socket.destroy();
    const problem = problemOf(
      new AppError("bad-request", "This is no HTTP request, or its headers are too large."),
      randomUUID(),
    );
    const body = JSON.stringify(problem);
    const head = [
      "HTTP/1.1 400 Bad Request",
      "Content-Type: application/problem+json",
      `Content-Length: ${body.length}`,
      "Connection: close",
    ];
    socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
  });
}
