// The one Node server of the web process: the wire to the dispatcher and its replies back (whole ones, streams, refused
// uploads), everything else to Next, behind the same doors.
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { AppError } from "../../domain/errors.ts";
import type { Dispatch, Dispatcher } from "./dispatch.ts";
import { FORWARDING_HEADERS } from "./doors.ts";
import { pathOfTarget, type WireRequest, type WireResponse } from "./message.ts";
import { problemOf } from "./problem.ts";
import { isWirePath } from "./router.ts";
import { serveUpgrades, type Upgrade } from "./upgrades.ts";

/** Longer than a proxy in front keeps its connections, so that it is the one who closes. */
const KEEP_ALIVE_MS = 75_000;
const HEADERS_MS = 15_000;
const REQUEST_MS = 60_000;
/** What is answered may finish this long after a stop. */
const GRACE_MS = 10_000;
const IDLE_SWEEP_MS = 50;
/** How long an upload that was refused may go on before its connection is cut. */
const DRAIN_MS = 2_000;

export type PageHandler = (request: IncomingMessage, reply: ServerResponse) => Promise<void>;

/** What a page may do in a browser; its scripts and styles are Next's own. */
const PAGE_HEADERS = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin-allow-popups",
  "content-security-policy": "frame-ancestors 'none'; base-uri 'self'; object-src 'none'; form-action 'self'",
} as const;

/** Whoever answers at other hosts than the console's own. */
export interface OtherHosts {
  /** @returns whether the host is one of its own; then it answers */
  serves(request: IncomingMessage, reply: ServerResponse): boolean;
  /** Takes no more, and ends what would never end by itself. */
  stop(): void;
}

export interface WebServer {
  readonly server: Server;
  /** Takes no more, answers long polls at once, ends streams and upgrades, and lets the rest finish for a while. */
  stop(): Promise<void>;
}

/**
 * @param upgrades asked in their order; every other upgrade is refused
 * @param others asked before everything else
 */
export function createWebServer(
  dispatcher: Dispatcher,
  page: PageHandler,
  upgrades: readonly Upgrade[] = [],
  others: OtherHosts | null = null,
): WebServer {
  const inFlight = new InFlight();
  const server = createServer(
    { keepAliveTimeout: KEEP_ALIVE_MS, headersTimeout: HEADERS_MS, requestTimeout: 0 }, // see `hurry`
    (request, reply) => {
      if (others?.serves(request, reply)) return;
      if (hasBody(request)) hurry(request);
      if (isWirePath(pathOfTarget(request.url ?? "/"))) void carry(dispatcher.dispatch, inFlight, request, reply);
      else void servePage(dispatcher, page, request, reply);
    },
  );
  refuseBrokenRequests(server);
  const unused = unusedConnections(server);
  const upgraded = serveUpgrades(server, upgrades);
  return {
    server,
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      inFlight.tellToStop();
      upgraded.stop();
      others?.stop();
      for (const socket of unused) socket.destroy();
      // A connection that becomes idle after its last answer is closed too.
      const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS);
      const cut = setTimeout(() => server.closeAllConnections(), GRACE_MS);
      await closed;
      clearInterval(sweep);
      clearTimeout(cut);
    },
  };
}

/** What is for us must have come whole in time; what is for a job may take as long as its customer's line. */
function hurry(request: IncomingMessage): void {
  const late = setTimeout(() => request.socket.destroy(), REQUEST_MS);
  request.once("close", () => clearTimeout(late));
}

/**
 * Connections that have not asked for anything yet. Browsers open some ahead of need; node:http does not count them as
 * idle, so a stop would wait for them.
 */
function unusedConnections(server: Server): ReadonlySet<Socket> {
  const unused = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    unused.add(socket);
    socket.once("close", () => unused.delete(socket));
  });
  for (const asked of ["request", "upgrade"]) server.on(asked, ({ socket }) => unused.delete(socket));
  return unused;
}

async function servePage(
  dispatcher: Dispatcher,
  page: PageHandler,
  request: IncomingMessage,
  reply: ServerResponse,
): Promise<void> {
  const { signal } = new AbortController();
  try {
    const { refusal, requestId, done } = await dispatcher.admitPage(wireRequestOf(request, signal));
    reply.on("close", () => done(reply.statusCode));
    if (refusal) return await send(refusal, request, reply, signal);
    reply.setHeader("x-request-id", requestId);
    // Next believes what a proxy says; only a trusted one may say it.
    if (!dispatcher.trusts(request.socket.remoteAddress ?? null))
      for (const name of FORWARDING_HEADERS) delete request.headers[name];
    for (const [name, value] of Object.entries(PAGE_HEADERS)) reply.setHeader(name, value);
    await page(request, reply);
  } catch {
    reply.destroy();
  }
}

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
  if (!unread && !silent && typeof body === "string") return void reply.end(body); // head and body in one piece
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
