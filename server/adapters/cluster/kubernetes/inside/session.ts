// A command in a pod as streams: channels of one WebSocket, each reader's pace kept.
import { Readable, Writable } from "node:stream";
import type { WebSocket } from "ws";
import { z } from "zod";
import type { ExitStatus, Session, TerminalSize } from "../../../../deps.ts";
import { END_OF_INPUT, linesOf } from "./wrap.ts";

export const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, status: 3, resize: 4 } as const;
const UNKNOWN: ExitStatus = { code: null, signal: null };
const NEWLINE = 0x0a;

const StatusText = z.object({
  status: z.string().optional(),
  details: z
    .object({ causes: z.array(z.object({ reason: z.string().optional(), message: z.string().optional() })).optional() })
    .nullish(),
});

export interface SessionOptions {
  readonly terminal: TerminalSize | null;
  readonly signal: AbortSignal;
  /** @param process what the first line of a terminal says: the number of what runs in it */
  onProcess?(process: string): void;
}

/** @param socket paused, as `dial` hands it over */
export function sessionOf(socket: WebSocket, { terminal, signal, onProcess }: SessionOptions): Session {
  const full = new Set<Readable>();
  const stream = (): Readable => {
    const made: Readable = new Readable({
      read() {
        full.delete(made);
        if (full.size === 0) socket.resume();
      },
      // Whoever stops reading must not stop the rest.
      destroy(error, done) {
        full.delete(made);
        if (full.size === 0) socket.resume();
        done(error);
      },
    });
    return made;
  };
  const [output, errors] = [stream(), stream()];
  const hand = (to: Readable, bytes: Buffer) => {
    if (bytes.length === 0 || to.destroyed || to.push(bytes)) return;
    full.add(to);
    socket.pause();
  };
  const send = (channel: number, bytes: Buffer | string, done: (error?: Error | null) => void) => {
    // An error of a socket that is closed is no news: `exit` tells of it.
    if (socket.readyState !== socket.OPEN) return done();
    socket.send(Buffer.concat([Buffer.of(channel), Buffer.from(bytes)]), () => done());
  };
  let told = terminal === null; // whether the first line of a terminal was cut off
  let first = Buffer.alloc(0);
  let typed: (() => void) | null = null; // what waits for that: its echo would stand before the first line
  const input = new Writable({
    write(bytes: Buffer, _encoding, done) {
      const go = () => send(CHANNEL.stdin, terminal ? bytes : linesOf(bytes), done);
      if (told) go();
      else typed = go;
    },
    final: (done) => (terminal ? done() : send(CHANNEL.stdin, END_OF_INPUT, done)),
  });
  const onOutput = (bytes: Buffer) => {
    if (told) return hand(output, bytes);
    first = Buffer.concat([first, bytes]);
    const end = first.indexOf(NEWLINE);
    if (end < 0) return;
    told = true;
    const process = first.subarray(0, end).toString().trim();
    if (/^\d+$/.test(process)) onProcess?.(process);
    hand(output, first.subarray(/^\d+$/.test(process) ? end + 1 : 0));
    typed?.();
  };

  let settle: (status: ExitStatus) => void = () => {};
  const exit = new Promise<ExitStatus>((resolve) => {
    settle = resolve;
  });
  let status: ExitStatus | null = null;
  let isOver = false;
  const over = () => {
    if (isOver) return;
    signal.removeEventListener("abort", close);
    if (!told) hand(output, first);
    isOver = true;
    for (const one of [output, errors]) if (!one.destroyed) one.push(null);
    input.destroy();
    settle(status ?? UNKNOWN);
  };
  const close = () => {
    over();
    socket.terminate();
  };

  socket.on("message", (data: Buffer) => {
    if (isOver) return; // what was read already still comes out of a socket that was closed
    const bytes = data.subarray(1);
    if (data[0] === CHANNEL.stdout) onOutput(bytes);
    else if (data[0] === CHANNEL.stderr) hand(errors, bytes);
    else if (data[0] === CHANNEL.status && bytes.length > 0) {
      status = exitOf(bytes.toString());
      close(); // nothing comes after it
    }
  });
  socket.once("close", over);
  signal.addEventListener("abort", close);
  const resize = ({ cols, rows }: TerminalSize) =>
    send(CHANNEL.resize, JSON.stringify({ Width: cols, Height: rows }), () => {});
  if (terminal) resize(terminal);
  socket.resume();
  if (signal.aborted) close();
  return { input, output, errors, resize, exit, close };
}

/** A node tells the exit code in words; of a start that failed it tells something else. */
function exitOf(text: string): ExitStatus {
  try {
    const { status, details } = StatusText.parse(JSON.parse(text));
    if (status === "Success") return { code: 0, signal: null };
    const code = details?.causes?.find(({ reason }) => reason === "ExitCode")?.message;
    return code === undefined ? UNKNOWN : { code: Number.parseInt(code, 10), signal: null };
  } catch {
    return UNKNOWN;
  }
}
