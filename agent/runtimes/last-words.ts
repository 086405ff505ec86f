// The last words of executions that were removed: what was not sent yet is sent after they are gone.
import type { ExecutionId } from "../../domain/ids.ts";
import type { LogText } from "./runtime.ts";

/** Of how many that were removed the last words are kept, until others need the room. */
const MOST_LAST_WORDS = 64;

export function createLastWords() {
  const lastWords = new Map<ExecutionId, LogText>();
  return {
    /** @param read the log that is about to go, from an offset on; null at its end */
    async keep(id: ExecutionId, read: (offset: number) => Promise<LogText | null>): Promise<void> {
      let last: LogText | null = null;
      for (let offset = 0; ; offset = last.offset + last.text.length) {
        const more = await read(offset).catch(() => null);
        if (!more) break;
        last = more;
      }
      if (!last) return;
      lastWords.set(id, last);
      const [oldest] = lastWords.keys();
      if (lastWords.size > MOST_LAST_WORDS && oldest) lastWords.delete(oldest);
    },

    /** @returns what is kept from that offset on; null for nothing */
    from(id: ExecutionId, offset: number): LogText | null {
      const last = lastWords.get(id);
      const from = Math.max(offset, last?.offset ?? 0);
      const text = last?.text.slice(from - last.offset) ?? "";
      return text === "" ? null : { offset: from, text };
    },
  };
}
