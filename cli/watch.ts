// The same answer again and again: on a terminal in place, elsewhere each time that it changed.
import type { Io } from "./io.ts";
import { type Answer, formatOf, rendered } from "./output/present.ts";
import { absence, isPassing, pause } from "./session.ts";

const AGAIN_MS = 2_000;
/** to the top left, and empty from there on */
const HOME = "\u001b[H\u001b[2J";

/** @returns when it is over, or on Ctrl-C, which is how one ends it */
export async function watch(
  io: Io,
  flags: { readonly output?: string },
  look: () => Promise<{ readonly answer: Answer; readonly over: boolean }>,
): Promise<number> {
  const format = formatOf(flags);
  let before = "";
  const away = absence();
  for (;;) {
    away.looks();
    try {
      const { answer, over } = await look();
      away.answered();
      const data = `${JSON.stringify(answer.data)}\n`;
      const now = format === "json" ? data : rendered(format, answer);
      const said = io.terminal ? now : data; // that a job grew older is no news to a file
      if (said !== before)
        io.write(io.terminal ? `${HOME}${now}` : `${before === "" || format === "json" ? "" : "\n"}${now}`);
      before = said;
      if (over) return 0;
    } catch (error) {
      if (io.signal.aborted) return 0;
      if (!isPassing(error) || away.isLong()) throw error;
    }
    await pause(AGAIN_MS, io.signal).catch(() => {});
    if (io.signal.aborted) return 0;
  }
}
