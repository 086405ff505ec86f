// The machine as it is now: looked at every minute, on demand and after trouble; a change is news for the broker.
import type { Machine } from "./detect.ts";
import type { Log } from "./log.ts";

const EVERY_MS = 60_000;

export interface MachineWatch {
  current(): Machine;
  /** Looks now; one look at a time. Never throws: what cannot be seen stays as it was seen last. */
  look(): Promise<void>;
  onChange(listener: () => void): void;
  close(): void;
}

/** @param detect sees the machine; it is given what was seen before */
export async function watchMachine(
  detect: (before?: Machine) => Promise<Machine>,
  log: Log,
  everyMs = EVERY_MS,
): Promise<MachineWatch> {
  let machine = await detect();
  let looking: Promise<void> | undefined;
  let changed = () => {};

  async function lookOnce(): Promise<void> {
    try {
      const seen = await detect(machine);
      if (JSON.stringify(seen) === JSON.stringify(machine)) return;
      log.warn({ changes: describeChanges(machine, seen) }, "the machine is not what it was");
      machine = seen;
      changed();
    } catch (error) {
      log.error({ err: error }, "the machine cannot be looked at");
    }
  }

  const look = () => {
    looking ??= lookOnce().finally(() => {
      looking = undefined;
    });
    return looking;
  };
  const timer = setInterval(() => void look(), everyMs);
  timer.unref();
  return {
    current: () => machine,
    look,
    onChange(listener) {
      changed = listener;
    },
    close: () => clearInterval(timer),
  };
}

/** A sentence for each difference. */
export function describeChanges(before: Machine, after: Machine): string[] {
  const name = ({ model, uuid }: Machine["gpus"][number]) => `${model} ${uuid}`;
  const lost = before.gpus.filter((gpu) => !after.gpus.some(({ uuid }) => uuid === gpu.uuid));
  const found = after.gpus.filter((gpu) => !before.gpus.some(({ uuid }) => uuid === gpu.uuid));
  const driver = (machine: Machine) => machine.gpus.find((gpu) => gpu.driver !== undefined)?.driver;
  const sentences = [...lost.map((gpu) => `lost ${name(gpu)}`), ...found.map((gpu) => `found ${name(gpu)}`)];
  const [old, now] = [driver(before), driver(after)];
  if (old !== undefined && now !== undefined && old !== now) sentences.push(`driver ${old} is now ${now}`);
  for (const key of [
    "hostname",
    "os",
    "kernel",
    "addresses",
    "cpu_model",
    "cpu_cores",
    "memory_mb",
    "disk_gb",
    "sandboxed",
  ] as const) {
    if (String(before[key]) !== String(after[key])) sentences.push(`${key} ${before[key]} is now ${after[key]}`);
  }
  return sentences;
}
