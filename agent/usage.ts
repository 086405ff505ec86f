// How busy the machine is now. Only measured values are told: a declared GPU has none.
import { readFile } from "node:fs/promises";
import os from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { Heartbeat } from "../protocol/agent.ts";
import { type AskDriver, columns, type Gpu, nvidiaSmi } from "./detect.ts";

export type Usage = Heartbeat["usage"];

const GPU_CACHE_MS = 10_000; // a driver call costs up to a second: news must not wait for it
const DRIVER_PATIENCE_MS = 2000;

/** Reads `nvidia-smi --query-gpu=uuid,utilization.gpu,memory.used --format=csv,noheader,nounits`; unknown values drop the line. */
export function parseGpuUsage(text: string): Usage["gpus"] {
  return text.split("\n").flatMap((line) => {
    const [uuid, utilization, memory] = line.split(",").map((field) => field.trim());
    const percent = Number(utilization || Number.NaN);
    const usedMb = Number(memory || Number.NaN);
    if (uuid === undefined || !/^(GPU|MIG)-/.test(uuid)) return [];
    if (!(percent >= 0 && percent <= 100) || !(usedMb >= 0)) return [];
    return [{ uuid, utilization_percent: percent, memory_used_mb: Math.round(usedMb) }];
  });
}

interface CpuTimes {
  readonly busy: number;
  readonly total: number;
}

function cpuTimes(): CpuTimes {
  let busy = 0;
  let total = 0;
  for (const { times } of os.cpus()) {
    const all = times.user + times.nice + times.sys + times.idle + times.irq;
    busy += all - times.idle;
    total += all;
  }
  return { busy, total };
}

async function memoryUsedMb(): Promise<number> {
  const text = await readFile("/proc/meminfo", "utf8").catch(() => "");
  const availableKb = Number(/^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1] ?? Number.NaN);
  const freeBytes = Number.isFinite(availableKb) ? availableKb * 1024 : os.freemem();
  return Math.max(0, Math.floor((os.totalmem() - freeBytes) / 1_048_576));
}

/**
 * @param gpus those the machine has now: only they are told of, and where none is real no driver is asked. A driver that
 *   does not answer leaves the GPUs untold.
 */
export function createUsageMeter(gpus: () => readonly Gpu[], ask: AskDriver = nvidiaSmi): () => Promise<Usage> {
  let before = cpuTimes();
  let told: Usage["gpus"] = [];
  let askedAt = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | undefined;

  async function askOnce(): Promise<void> {
    told = parseGpuUsage((await ask(columns("uuid,utilization.gpu,memory.used")).catch(() => undefined)) ?? "");
    askedAt = performance.now();
    asking = undefined;
  }

  return async () => {
    const after = cpuTimes();
    const span = after.total - before.total;
    const percent = span > 0 ? ((after.busy - before.busy) / span) * 100 : 0;
    before = after;
    const real = gpus().filter((gpu) => !gpu.declared);
    if (real.length > 0 && performance.now() - askedAt > GPU_CACHE_MS) {
      asking ??= askOnce();
      await Promise.race([asking, sleep(DRIVER_PATIENCE_MS, undefined, { ref: false })]);
    }
    return {
      cpu_percent: Math.round(Math.min(100, Math.max(0, percent)) * 10) / 10,
      memory_used_mb: await memoryUsedMb(),
      gpus: told.filter(({ uuid }) => real.some((gpu) => gpu.uuid === uuid)),
    };
  };
}
