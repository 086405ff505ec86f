// Who came in, when and with which key. What they did there is theirs. Two files of a bounded size.
import { appendFileSync, renameSync, statSync } from "node:fs";

const MAX_BYTES = 512 * 1024;

export type SessionLog = (event: string, facts?: Readonly<Record<string, string | number>>) => void;

/** One JSON line per event; the file before is kept as `.1`. A full disk must not end a session: failures are swallowed. */
export function openSessionLog(path: string, now: () => Date = () => new Date()): SessionLog {
  return (event, facts = {}) => {
    try {
      const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
      if (size > MAX_BYTES) renameSync(path, `${path}.1`);
      appendFileSync(path, `${JSON.stringify({ time: now().toISOString(), event, ...facts })}\n`, { mode: 0o600 });
    } catch {
      // See above.
    }
  };
}
