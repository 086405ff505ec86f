// One request or WebSocket, from a browser to a job's port and back: streamed both ways, each as fast as the other takes it.
import { Agent, type IncomingMessage, type ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createProxyServer, type ProxyServer } from "httpxy";
import { towardsBrowser, towardsJob, type Visitor } from "./headers.ts";

/** How long a job may think before it answers: a model that answers as a whole takes its time. */
const ANSWER_MS = 300_000;

/** An agent that has one connection, for one request: ours to the job. Nothing of one visit is left for the next. */
class OneLine extends Agent {
  readonly #line: Duplex;
  constructor(line: Duplex) {
    super({ keepAlive: false });
    this.#line = line;
  }
  override createConnection(): Duplex {
    return this.#line;
  }
}

/** The job took the request and said nothing for too long. */
export class TooSlow extends Error {}

/** @returns a proxy for one visit; what it throws, it throws from `web` or `ws` */
function proxyOver(line: Duplex, port: number): ProxyServer {
  // What a proxy asks of any socket, where it is a stream of another kind.
  const missing = { setTimeout: () => line, setNoDelay: () => line, setKeepAlive: () => line };
  if (!(line instanceof Socket)) Object.assign(line, missing);
  return createProxyServer({ target: { host: "127.0.0.1", port }, agent: new OneLine(line) });
}

/**
 * Resolves when the visit is over.
 * @throws what broke before the job answered; afterwards a broken side breaks the other
 */
export async function carryRequest(
  line: Duplex,
  port: number,
  visitor: Visitor,
  request: IncomingMessage,
  reply: ServerResponse,
): Promise<void> {
  const proxy = proxyOver(line, port);
  let late: NodeJS.Timeout | undefined;
  let slow = false;
  proxy.on("proxyReq", (asking) => {
    const tooLate = () => {
      slow = true;
      asking.destroy();
    };
    asking.once("finish", () => {
      late = setTimeout(tooLate, ANSWER_MS);
    });
  });
  proxy.on("proxyRes", (answer) => {
    clearTimeout(late);
    // Whether the browser's connection goes on is between it and us.
    const goesOn = reply.shouldKeepAlive && reply.getHeader("connection") === undefined;
    answer.headers = { ...towardsBrowser(answer.headers), connection: goesOn ? "keep-alive" : "close" };
  });
  request.headers = towardsJob(request.headers, visitor, false);
  try {
    await proxy.web(request, reply);
  } catch (error) {
    if (slow) throw new TooSlow();
    throw error;
  } finally {
    clearTimeout(late);
    line.destroy();
  }
}

/** The same for a WebSocket. @param socket the browser's, no longer HTTP's */
export async function carryUpgrade(
  line: Duplex,
  port: number,
  visitor: Visitor,
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
): Promise<void> {
  const proxy = proxyOver(line, port);
  proxy.on("proxyReqWs", (asking) => {
    asking.prependListener("upgrade", (answer: IncomingMessage) => {
      answer.headers = { ...towardsBrowser(answer.headers), connection: "Upgrade", upgrade: "websocket" };
    });
    asking.prependListener("response", (answer: IncomingMessage) => {
      const coding = answer.headers["transfer-encoding"];
      answer.headers = { ...towardsBrowser(answer.headers), ...(coding ? { "transfer-encoding": coding } : {}) };
    });
  });
  line.once("close", () => socket.end());
  request.headers = towardsJob(request.headers, visitor, true);
  try {
    await proxy.ws(request, socket, { upgradeTimeout: ANSWER_MS }, head);
  } finally {
    line.destroy();
  }
}
