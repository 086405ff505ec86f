// An `Inside` that runs what it is told on this machine, in a pseudo terminal: for tests of terminals.

import { writeSync } from "node:fs";
import { constants } from "node:os";
import { Readable, Writable } from "node:stream";
import pty from "@lydell/node-pty";
import type { ExecOptions, ExitStatus, Inside, Session, Whereabouts } from "../deps.ts";

export interface LocalInside extends Inside {
  /** what was opened, in order */
  readonly opened: { readonly at: Whereabouts; readonly session: Session; readonly exit: Promise<ExitStatus> }[];
  /** thrown instead of opening, where it is set */
  refusal: Error | null;
  /** holds what is typed back until it is released */
  readonly dam: Dam;
}

/** Where it is closed, input waits. */
class Dam {
  #waiting: (() => void)[] = [];
  #closed = false;
  close(): void {
    this.#closed = true;
  }
  open(): void {
    this.#closed = false;
    for (const done of this.#waiting.splice(0)) done();
  }
  pass(done: () => void): void {
    if (this.#closed) this.#waiting.push(done);
    else done();
  }
}

/** @param home where its shells begin */
export function localInside(home: string): LocalInside {
  const nothing = () => Promise.reject(new Error("this test reaches no port"));
  const inside: LocalInside = {
    opened: [],
    refusal: null,
    dam: new Dam(),
    logs: () => {
      throw new Error("this test reads no logs");
    },
    connect: nothing,
    async exec(at, command, options) {
      if (inside.refusal) throw inside.refusal;
      const session = runInTerminal(command, options, home, inside.dam);
      inside.opened.push({ at, session, exit: session.exit });
      return session;
    },
  };
  return inside;
}

const FULL_RETRY_MS = 1;

/** What a terminal of node-pty has and its types do not say. */
interface Master {
  readonly fd: number;
  once(event: "close", told: () => void): void;
  destroy(): void;
}

function runInTerminal(
  [file = "false", ...args]: readonly string[],
  options: ExecOptions,
  home: string,
  dam: Dam,
): Session {
  const shell = pty.spawn(file, args, {
    ...(options.terminal ?? { cols: 80, rows: 24 }),
    cwd: "/",
    env: { HOME: home, PATH: process.env.PATH ?? "", PS1: "$ " },
    encoding: null, // bytes, as they come
  });
  const master = shell as typeof shell & Master;
  let alive = true;
  master.once("close", () => {
    alive = false; // from here its descriptor may be another's
  });
  const output = new Readable({ read: () => alive && shell.resume() });
  // Its types say string, whatever the encoding.
  shell.onData((part: string | Buffer) => {
    if (!output.push(part)) shell.pause();
  });
  /** node-pty's own write holds up the whole process until the shell takes all of it: for ever, if it never does. */
  const offer = (part: Buffer, done: (error?: Error) => void): void => {
    if (!alive) return void done();
    const took = writeSome(master.fd, part);
    if (took instanceof Error) done(took);
    else if (took === part.length) done();
    else setTimeout(offer, FULL_RETRY_MS, part.subarray(took), done);
  };
  const input = new Writable({
    highWaterMark: 16 << 10,
    write(part: Buffer, _encoding, done) {
      dam.pass(() => offer(part, done));
    },
  });
  const exit = new Promise<ExitStatus>((resolve) => {
    shell.onExit(({ exitCode, signal }) => {
      alive = false;
      output.push(null);
      const name = Object.entries(constants.signals).find(([, number]) => number === signal)?.[0];
      resolve(name ? { code: null, signal: name } : { code: exitCode, signal: null });
    });
  });
  const close = () => {
    if (alive) master.destroy(); // a signal alone may be lost on a shell that begins
  };
  options.signal.addEventListener("abort", close, { once: true });
  return {
    input,
    output,
    errors: Readable.from([]),
    resize: ({ cols, rows }) => {
      if (alive) shell.resize(cols, rows);
    },
    exit,
    close,
  };
}

/** @returns how many bytes were taken, or why none ever will be */
function writeSome(fd: number, part: Buffer): number | Error {
  try {
    return writeSync(fd, part);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return "code" in error && error.code === "EAGAIN" ? 0 : error;
  }
}
