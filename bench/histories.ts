// npm run bench -- histories: random lives of batch jobs over the pure rules, each held to the laws of DESIGN §3. Seeded.
import { playHistory } from "./history.ts";

const COUNT = 1_000_000;
const SEED = 1;

/** `BENCH_HISTORIES` of them, from `BENCH_SEED` on. @throws Error with the seed of the first that breaks a law */
export async function benchHistories(): Promise<string> {
  const count = Number(process.env.BENCH_HISTORIES ?? COUNT);
  const first = Number(process.env.BENCH_SEED ?? SEED);
  if (!Number.isInteger(count) || count < 1 || !Number.isInteger(first))
    throw new Error("BENCH_HISTORIES and BENCH_SEED are whole numbers, and there is at least one history");
  // Refused events are errors by the hundred thousand; nobody reads where they come from.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  const startedAtMs = performance.now();
  const before = process.cpuUsage();
  const ends = new Map<string, number>();
  let executions = 0;
  for (let seed = first; seed < first + count; seed++) {
    const told = playHistory(seed);
    ends.set(told.end, (ends.get(told.end) ?? 0) + 1);
    executions += told.executions;
  }
  Error.stackTraceLimit = stackTraceLimit;
  const seconds = (performance.now() - startedAtMs) / 1000;
  const used = process.cpuUsage(before);
  const core = (used.user + used.system) / 1e6;
  const whole = (value: number) => Math.round(value).toLocaleString("en");
  const kinds = [...ends].sort(([, a], [, b]) => b - a).map(([end, times]) => `${whole(times)} ${end}`);
  return (
    `${whole(count)} histories, seeds ${first} to ${first + count - 1}, ${whole(executions)} executions, ${seconds.toFixed(0)} s, ` +
    `of them ${core.toFixed(0)} s of one core: ${whole(count / core)} for each of these. They ended ${kinds.join(", ")}. No law was broken`
  );
}
