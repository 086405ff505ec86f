// One JSON line per thing worth knowing, on stdout.
import { pino } from "pino";

export type Log = Pick<ReturnType<typeof pino>, "info" | "warn" | "error">;

export function createLog(): Log {
  return pino({ base: { part: "agent" }, timestamp: pino.stdTimeFunctions.isoTime });
}
