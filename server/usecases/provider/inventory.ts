// What a machine says it is, against what is written down about it.
import type { z } from "zod";
import { isNode } from "../../../domain/provider/state.ts";
import type { MachineReport } from "../../../protocol/agent.ts";
import type { GpuRow } from "../../repos/gpus.ts";
import type { ProviderRow } from "../../repos/providers.ts";

export type Machine = z.infer<typeof MachineReport>;
type ReportedGpu = Machine["gpus"][number];

/** The columns of a provider that its own reports decide. */
export function machineColumns(machine: Machine, agentVersion: string) {
  const addresses: readonly string[] = [...(machine.addresses ?? [])].sort(); // interfaces come in any order
  return {
    hostname: machine.hostname,
    os: machine.os,
    architecture: machine.architecture,
    addresses,
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
  /** GPUs that are described in another way than before, with what differs */
  readonly altered: readonly { readonly gpu: GpuRow; readonly to: Partial<ReturnType<typeof gpuColumns>> }[];
  /** everything to be written: back, added, or altered */
  readonly written: readonly ReportedGpu[];
}

/**
 * A report may change everything but the kind of machine: a node of the cluster stays one, as it was enrolled and
 * admitted.
 * @param known all GPUs ever seen on this provider
 */
export function inventoryChanges(
  provider: ProviderRow,
  known: readonly GpuRow[],
  machine: Machine,
  agentVersion: string,
): InventoryChanges {
  const reported = new Map(machine.gpus.map((gpu) => [gpu.uuid, gpu]));
  const rows = new Map(known.map((gpu) => [gpu.uuid, gpu]));
  const columns = machineColumns(machine, agentVersion);
  const sameKind = isNode(columns.runtime) === isNode(provider.runtime);
  const altered = known.flatMap((gpu) => {
    const now = reported.get(gpu.uuid);
    const to = now ? differing(gpuColumns(now), gpu) : {};
    return Object.keys(to).length > 0 ? [{ gpu, to }] : [];
  });
  const changed = new Set(altered.map(({ gpu }) => gpu.uuid));
  return {
    provider: differing(sameKind ? columns : { ...columns, runtime: provider.runtime }, provider),
    lost: known.filter((gpu) => gpu.present && !reported.has(gpu.uuid)),
    back: known.filter((gpu) => !gpu.present && reported.has(gpu.uuid)),
    added: machine.gpus.filter((gpu) => !rows.has(gpu.uuid)),
    altered,
    written: machine.gpus.filter(({ uuid }) => !rows.get(uuid)?.present || changed.has(uuid)),
  };
}

export function changesAnything({ provider, lost, written }: InventoryChanges): boolean {
  return Object.keys(provider).length + lost.length + written.length > 0;
}

/** What changed about the machine, for people. Addresses come and go with networks, and are nobody's business. */
export function alterations(before: ProviderRow, { provider, altered }: InventoryChanges) {
  const { addresses: _, ...told } = provider;
  return [
    ...Object.entries(told).map(([column, to]) => {
      const from = Object.entries(before).find(([name]) => name === column)?.[1];
      return { field: column, words: `${words(column)} (${from} → ${to})` };
    }),
    ...altered.flatMap(({ gpu, to }) =>
      Object.entries(to).map(([column, now]) => {
        const from = Object.entries(gpu).find(([name]) => name === column)?.[1] ?? "none";
        return { field: `gpu.${column}`, words: `${words(column)} of GPU ${gpu.index} (${from} → ${now ?? "none"})` };
      }),
    ),
  ];
}

/** cpuCores → cpu cores */
function words(column: string): string {
  return column.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function differing<T extends object>(wanted: T, there: T): Partial<T> {
  const changed: Partial<T> = {};
  for (const key in wanted) if (!same(wanted[key], there[key])) changed[key] = wanted[key];
  return changed;
}

function same(one: unknown, other: unknown): boolean {
  return one === other || (Array.isArray(one) && JSON.stringify(one) === JSON.stringify(other));
}
