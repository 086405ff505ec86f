// A TCP connection into a pod: the data channel of one WebSocket, and what the error channel says of it.
import { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { AppError } from "../../../../../domain/errors.ts";
import { away } from "./dial.ts";

const CHANNEL = { data: 0, error: 1 } as const;
/** Each channel begins with the number of its port. */
const HEAD_BYTES = 2;
/** A node says nothing of a connection that it made, and of a refused one within a moment. */
const REFUSED_WITHIN_MS = 50;
/** The API carries no end of one direction. Ours is kept back until the other side has been quiet for so long. */
const QUIET_MS = 3_000;
const CLOSED_WITHIN_MS = 5_000;
/** Of WebSockets: closed without a word. */
const CUT_OFF = 1006;

/**
 * @param socket paused, as `dial` hands it over
 * @throws AppError `conflict` where nothing listens; where that is said late, the stream is destroyed with it
 */
export async function tunnelOf(socket: WebSocket, port: number, signal: AbortSignal): Promise<Duplex> {
  const heads = new Map<number, number>();
  let quiet: NodeJS.Timeout | null = null;
  let said = false;
  let settled: () => void = () => {};
  const first = new Promise<void>((resolve) => {
    settled = resolve;
  });

  const hangUp = () => {
    if (quiet) clearTimeout(quiet);
    socket.close(1000);
    setTimeout(() => socket.terminate(), CLOSED_WITHIN_MS).unref();
  };
  const listen = () => {
    if (quiet) clearTimeout(quiet);
    quiet = setTimeout(hangUp, QUIET_MS);
  };
  const tunnel = new Duplex({
    read: () => socket.resume(),
    write(bytes: Buffer, _encoding, done) {
      if (socket.readyState !== socket.OPEN) return done(new Error("the connection is closed"));
      socket.send(Buffer.concat([Buffer.of(CHANNEL.data), bytes]), (error) => done(error));
    },
    final(done) {
      listen();
      done();
    },
    destroy(error, done) {
      signal.removeEventListener("abort", abort);
      if (quiet) clearTimeout(quiet);
      settled();
      socket.terminate();
      done(error);
    },
  });
  const abort = () => tunnel.destroy();

  socket.on("message", (data: Buffer) => {
    const channel = data[0] ?? -1;
    const head = Math.min(HEAD_BYTES - (heads.get(channel) ?? 0), data.length - 1);
    heads.set(channel, (heads.get(channel) ?? 0) + head);
    const bytes = data.subarray(1 + head);
    if (tunnel.destroyed || bytes.length === 0) return;
    if (channel === CHANNEL.error) return void tunnel.destroy(refusalOf(bytes.toString(), port, said));
    if (channel !== CHANNEL.data) return;
    said = true;
    settled();
    if (tunnel.writableFinished) listen();
    if (!tunnel.push(bytes)) socket.pause();
  });
  socket.once("close", (code: number) => {
    if (quiet) clearTimeout(quiet);
    signal.removeEventListener("abort", abort);
    settled();
    if (tunnel.destroyed) return;
    // An end that nobody said is none: what came may be half of an answer.
    if (code === CUT_OFF) tunnel.destroy(away(new Error("the connection broke")));
    else tunnel.push(null);
  });
  signal.addEventListener("abort", abort);
  socket.resume();

  let refusal: Error | null = null;
  const note = (error: Error) => {
    refusal = error;
  };
  tunnel.on("error", note);
  const late = setTimeout(settled, REFUSED_WITHIN_MS);
  await first;
  clearTimeout(late);
  if (refusal) throw refusal;
  signal.throwIfAborted();
  tunnel.off("error", note);
  return tunnel;
}

function refusalOf(text: string, port: number, said: boolean): Error {
  const cause = new Error(text.slice(0, 1000));
  if (said) return cause;
  if (/refused/i.test(text)) return new AppError("conflict", `Nothing listens on port ${port} there.`, { cause });
  return away(cause);
}
