// What a machine says it is, against what is written down about it.
import type { z } from "zod";
import type { MachineReport } from "../../../protocol/agent.ts";
import type { GpuRow } from "../../repos/gpus.ts";
import type { ProviderRow } from "../../repos/providers.ts";

export type Machine = z.infer<typeof MachineReport>;
type ReportedGpu = Machine["gpus"][number];

/** The columns of a provider that its own reports decide. */
export function machineColumns(machine: Machine, agentVersion: string) {
  return {
    hostname: machine.hostname,
    os: machine.os,
    architecture: machine.architecture,
    cpuModel: machine.cpu_model,
    cpuCores: machine.cpu_cores,
    memoryGb: Math.floor(machine.memory_mb / 1024),
    diskGb: machine.disk_gb,
    declared: machine.gpus.some((gpu) => gpu.declared),
    sandboxed: machine.sandboxed,
    runtime: machine.runtime,
    agentVersion,
  } satisfies Partial<ProviderRow>;
}

/** The columns of a GPU that its machine's reports decide. */
export function gpuColumns(gpu: ReportedGpu) {
  const { index, uuid, model, vram_mb: vramMb, driver = null, declared } = gpu;
  return { index, uuid, model, vramMb, driver, declared } satisfies Partial<GpuRow>;
}

export interface InventoryChanges {
  /** columns of the provider that differ */
  readonly provider: Partial<ReturnType<typeof machineColumns>>;
  readonly lost: readonly GpuRow[];
  readonly back: readonly GpuRow[];
  readonly added: readonly ReportedGpu[];
  /** everything to be written: back, added, or described in another way */
  readonly written: readonly ReportedGpu[];
}

/** @param known all GPUs ever seen on this provider */
export function inventoryChanges(
  provider: ProviderRow,
  known: readonly GpuRow[],
  machine: Machine,
  agentVersion: string,
): InventoryChanges {
  const reported = new Set(machine.gpus.map((gpu) => gpu.uuid));
  const rows = new Map(known.map((gpu) => [gpu.uuid, gpu]));
  return {
    provider: differing(machineColumns(machine, agentVersion), provider),
    lost: known.filter((gpu) => gpu.present && !reported.has(gpu.uuid)),
    back: known.filter((gpu) => !gpu.present && reported.has(gpu.uuid)),
    added: machine.gpus.filter((gpu) => !rows.has(gpu.uuid)),
    written: machine.gpus.filter((gpu) => {
      const row = rows.get(gpu.uuid);
      return !row?.present || Object.keys(differing(gpuColumns(gpu), row)).length > 0;
    }),
  };
}

export function changesAnything({ provider, lost, written }: InventoryChanges): boolean {
  return Object.keys(provider).length + lost.length + written.length > 0;
}

function differing<T extends object>(wanted: T, there: T): Partial<T> {
  const changed: Partial<T> = {};
  for (const key in wanted) if (wanted[key] !== there[key]) changed[key] = wanted[key];
  return changed;
}
