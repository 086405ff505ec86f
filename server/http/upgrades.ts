// Connections that ask to be something else than HTTP: each goes to whoever knows it, or is refused like a request.
import { randomUUID } from "node:crypto";
import { type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { AppError } from "../../domain/errors.ts";
import type { WireResponse } from "./message.ts";
import { problemResponse, toAppError } from "./problem.ts";

/** Who was told of a stop may say goodbye for this long. */
const GOODBYE_MS = 1_000;

/**
 * Answers an upgrade or passes it on.
 * @param signal fires when the connection is gone, or the process stops; it is cut soon after
 * @returns whether it was its own to answer, refusals included. What it throws is told as a problem.
 */
export type Upgrade = (
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  signal: AbortSignal,
) => boolean | Promise<boolean>;

export interface Upgrades {
  /** Takes no more, tells all, and cuts what is still there a moment later. */
  stop(): void;
}

/** @param upgrades asked in their order; the first that takes it has it */
export function serveUpgrades(server: Server, upgrades: readonly Upgrade[]): Upgrades {
  const open = new Map<Duplex, AbortController>();
  let stopping = false;

  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const call = new AbortController();
    open.set(socket, call);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      open.delete(socket);
      call.abort();
    });
    if (stopping) return void refuseUpgrade(socket, new AppError("unavailable", "This process stops; connect again."));
    void answer(upgrades, request, socket, head, call.signal);
  });

  return {
    stop() {
      stopping = true;
      for (const call of open.values()) call.abort();
      const cut = () => {
        for (const socket of open.keys()) socket.destroy();
      };
      setTimeout(cut, GOODBYE_MS).unref();
    },
  };
}

async function answer(
  upgrades: readonly Upgrade[],
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  signal: AbortSignal,
): Promise<void> {
  try {
    for (const upgrade of upgrades) if (await upgrade(request, socket, head, signal)) return;
    throw new AppError("bad-request", "Nothing here takes an upgrade: send the request without it.");
  } catch (error) {
    refuseUpgrade(socket, toAppError(error));
  }
}

/** Answers with a problem in plain HTTP and closes. */
export function refuseUpgrade(socket: Duplex, error: AppError, requestId: string = randomUUID()): void {
  const problem = problemResponse(error, requestId);
  answerUpgrade(socket, { ...problem, headers: { ...problem.headers, "x-request-id": requestId } });
}

/** Answers in plain HTTP instead of upgrading, and closes. */
export function answerUpgrade(socket: Duplex, { status, headers, body }: WireResponse): void {
  if (!socket.writable || typeof body !== "string") return void socket.destroy();
  const lines = Object.entries({
    ...headers,
    "content-length": String(Buffer.byteLength(body)),
    connection: "close",
  }).map(([name, value]) => `${name}: ${value}`);
  socket.resume(); // a socket closed on unread bytes would lose the reply on its way
  setTimeout(() => socket.destroy(), GOODBYE_MS).unref();
  socket.end([`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`, ...lines, "", body].join("\r\n"));
}
