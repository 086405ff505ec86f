// The same answer again and again: on a terminal in place, elsewhere each time that it changed.
import type { Io } from "./io.ts";
import { type Answer, formatOf, rendered } from "./output/present.ts";
import { isPassing, pause } from "./session.ts";

const AGAIN_MS = 2_000;
/** to the top left, and empty from there on */
const HOME = "\u001b[H\u001b[2J";
/** Looks in a row without an answer. */
const MOST_MISSED = 30;

/** @returns when it is over, or on Ctrl-C, which is how one ends it */
export async function watch(
  io: Io,
  flags: { readonly output?: string },
  look: () => Promise<{ readonly answer: Answer; readonly over: boolean }>,
): Promise<number> {
  const format = formatOf(flags);
  let before = "";
  for (let missed = 0; missed <= MOST_MISSED; ) {
    try {
      const { answer, over } = await look();
      missed = 0;
      const now = format === "json" ? `${JSON.stringify(answer.data)}\n` : rendered(format, answer);
      if (now !== before)
        io.write(io.terminal ? `${HOME}${now}` : `${before === "" || format === "json" ? "" : "\n"}${now}`);
      before = now;
      if (over) return 0;
    } catch (error) {
      if (io.signal.aborted) return 0;
      if (!isPassing(error) || missed === MOST_MISSED) throw error;
      missed += 1;
    }
    await pause(AGAIN_MS, io.signal).catch(() => {});
    if (io.signal.aborted) return 0;
  }
  return 0;
}
