// The one Node server of the web process: the wire itself, everything else to Next, behind the same doors.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { type Dispatcher, isWirePath } from "../server/http/dispatch.ts";
import { FORWARDING_HEADERS } from "../server/http/doors.ts";
import { pathOfTarget } from "../server/http/message.ts";
import { carry, InFlight, refuseBrokenRequests, send, wireRequestOf } from "../server/http/node-http.ts";

/** Longer than a proxy in front keeps its connections, so that it is the one who closes. */
const KEEP_ALIVE_MS = 75_000;
const HEADERS_MS = 15_000;
const REQUEST_MS = 60_000;
/** What is answered may finish this long after a stop. */
const GRACE_MS = 10_000;
const IDLE_SWEEP_MS = 50;

export type PageHandler = (request: IncomingMessage, reply: ServerResponse) => Promise<void>;

/** What a page may do in a browser; its scripts and styles are Next's own. */
const PAGE_HEADERS = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin-allow-popups",
  "content-security-policy": "frame-ancestors 'none'; base-uri 'self'; object-src 'none'; form-action 'self'",
} as const;

export interface WebServer {
  readonly server: Server;
  /** Takes no more, answers long polls at once, ends streams, and lets the rest finish for a while. */
  stop(): Promise<void>;
}

export function createWebServer(dispatcher: Dispatcher, page: PageHandler): WebServer {
  const inFlight = new InFlight();
  const server = createServer(
    { keepAliveTimeout: KEEP_ALIVE_MS, headersTimeout: HEADERS_MS, requestTimeout: REQUEST_MS },
    (request, reply) => {
      if (isWirePath(pathOfTarget(request.url ?? "/"))) void carry(dispatcher.dispatch, inFlight, request, reply);
      else void servePage(dispatcher, page, request, reply);
    },
  );
  refuseBrokenRequests(server);
  const unused = unusedConnections(server);
  return {
    server,
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      inFlight.tellToStop();
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
  server.on("request", ({ socket }) => unused.delete(socket));
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
