// The log that an agent sent, read where it is kept, and followed there.

import type { ExecutionId } from "../../../../domain/ids.ts";
import type { LogOptions, Wakes } from "../../../deps.ts";
import { type LogStore, logsTopic } from "../../../repos/logs.ts";

type Reading = Pick<LogStore, "read" | "ended">;

const PARTS_AT_ONCE = 32;
/** A lost wake is made up for after this long, and an end is noticed. */
const LOOK_AGAIN_MS = 5000;
/** What is sent after the end is known is waited for this long. */
const LAST_WORDS_MS = 4000;

export async function* storedLogs(
  { logs, wakes }: { readonly logs: Reading; readonly wakes: Wakes },
  id: ExecutionId,
  { tailLines, follow, signal }: LogOptions,
): AsyncGenerator<string> {
  let news = false;
  let wake = () => {};
  const heard = () => {
    news = true;
    wake();
  };
  const unsubscribe = follow ? wakes.subscribe(logsTopic(id), heard) : () => {};
  signal.addEventListener("abort", heard);
  try {
    let from = 0;
    if (tailLines !== null) {
      let tail = "";
      for await (const part of partsAfter(logs, id, from, signal)) {
        tail = lastLines(tail + part.text, tailLines);
        from = part.end;
      }
      if (tail !== "") yield tail;
    }
    let overSinceMs: number | null = null;
    for (;;) {
      news = false;
      for await (const part of partsAfter(logs, id, from, signal)) {
        yield part.text;
        from = part.end;
      }
      if (!follow || signal.aborted) return;
      if (overSinceMs === null && (await logs.ended(id))) overSinceMs = performance.now();
      const leftMs = overSinceMs === null ? LOOK_AGAIN_MS : overSinceMs + LAST_WORDS_MS - performance.now();
      if (leftMs <= 0 && !news) return;
      if (!news && !signal.aborted)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, Math.min(leftMs, LOOK_AGAIN_MS));
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      wake = () => {};
    }
  } finally {
    unsubscribe();
    signal.removeEventListener("abort", heard);
  }
}

async function* partsAfter(logs: Reading, id: ExecutionId, from: number, signal: AbortSignal) {
  for (let at = from; !signal.aborted; ) {
    const parts = await logs.read(id, at, PARTS_AT_ONCE);
    for (const { start, text } of parts) {
      const end = start + text.length;
      yield { text: text.slice(Math.max(0, at - start)), end };
      at = end;
    }
    if (parts.length < PARTS_AT_ONCE) return;
  }
}

/** The last lines of a text; a line that has no end yet is one too. */
export function lastLines(text: string, count: number): string {
  let from = text.endsWith("\n") ? text.length - 1 : text.length;
  if (count <= 0 || text === "") return "";
  for (let lines = 0; lines < count; lines++) {
    if (from <= 0) return text;
    from = text.lastIndexOf("\n", from - 1);
    if (from < 0) return text;
  }
  return text.slice(from + 1);
}
