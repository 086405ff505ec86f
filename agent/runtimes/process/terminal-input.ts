// What is typed into a pseudo terminal. node-pty's own write holds up the whole process until the shell takes all of
// it, and for ever where it never does: one customer's shell would keep its supervisor from hearing anything else.
import { writeSync } from "node:fs";
import { Writable } from "node:stream";
import type { IPty } from "@lydell/node-pty";
import { isErrno } from "../../files.ts";

/** A terminal that is full is tried again this soon. */
const FULL_RETRY_MS = 5;

/** What a terminal of node-pty has and its types do not say. */
interface Master {
  /** non-blocking, until `close` */
  readonly fd: number;
  once(event: "close", told: () => void): void;
  /** Closes it. */
  destroy(): void;
}

/**
 * Closes our side of a terminal, as a line that breaks does: whatever reads or writes there hears of it. SIGHUP alone is
 * not enough: a bash that it reaches just before it waits for input notes it down, and waits.
 */
export function closeTerminal(shell: IPty): void {
  (shell as IPty & Master).destroy();
}

/** Takes bytes as fast as the shell does. What comes after its end is dropped. */
export function terminalInput(shell: IPty): Writable {
  const master = shell as IPty & Master;
  let open = true;
  const input = new Writable({
    highWaterMark: 16 << 10,
    write(part: Buffer, _encoding, done) {
      offer(part, done);
    },
  });
  function offer(part: Buffer, done: (error?: Error) => void): void {
    if (!open || input.destroyed) return void done();
    const taken = take(master.fd, part);
    if (taken === null || taken === part.length) done();
    else setTimeout(offer, taken === 0 ? FULL_RETRY_MS : 0, part.subarray(taken), done);
  }
  // From here its descriptor may be another's.
  const over = () => {
    open = false;
  };
  master.once("close", over);
  shell.onExit(over);
  return input;
}

/** @returns how many bytes were taken; null where none ever will be */
function take(fd: number, part: Buffer): number | null {
  try {
    return writeSync(fd, part);
  } catch (error) {
    return isErrno(error, "EAGAIN") ? 0 : null;
  }
}
