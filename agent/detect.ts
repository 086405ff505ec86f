// What this machine has: GPUs as the NVIDIA driver names them or as the owner declares them, CPU, memory, disk, OS.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile, statfs } from "node:fs/promises";
import os from "node:os";
import { promisify } from "node:util";
import type { z } from "zod";
import type { GpuReport, MachineReport } from "../protocol/agent.ts";
import type { AgentConfig, DeclaredGpu } from "./config.ts";

export type Gpu = z.infer<typeof GpuReport>;
export type Machine = z.infer<typeof MachineReport>;

const run = promisify(execFile);
const QUERY = "index,name,uuid,memory.total,driver_version,pci.bus_id";
const MAX_GPUS = 64;

/** nvidia-smi writes [N/A], [Not Supported], [Unknown Error] and the like where it has no value. */
function known(field: string | undefined): string | undefined {
  const text = field?.trim() ?? "";
  return text === "" || text === "N/A" || /^\[.*\]$/.test(text) ? undefined : text;
}

/**
 * Reads `nvidia-smi --query-gpu=index,name,uuid,memory.total,driver_version,pci.bus_id --format=csv,noheader,nounits`.
 * Lines that are no device (driver errors, "No devices were found") and devices whose memory or UUID is unknown are
 * left out: such a device could neither be placed on nor be given to anyone. With MIG on, the card counts as one.
 */
export function parseNvidiaSmi(text: string): Gpu[] {
  const gpus: Gpu[] = [];
  for (const line of text.split("\n")) {
    const fields = line.split(",").map((field) => field.trim());
    if (fields.length < 6) continue;
    const index = Number(fields[0]);
    const [uuid, memory, driver, bus] = fields.slice(-4);
    const model = known(fields.slice(1, -4).join(", ")); // a name may hold commas; nvidia-smi quotes nothing
    const vramMb = Number(known(memory) ?? Number.NaN);
    if (!Number.isInteger(index) || index < 0 || index > 255 || model === undefined) continue;
    if (uuid === undefined || !/^(GPU|MIG)-[0-9a-fA-F-]{8,}$/.test(uuid)) continue;
    if (!Number.isInteger(vramMb) || vramMb < 1) continue;
    const driverVersion = known(driver);
    const pciBus = known(bus);
    gpus.push({
      index,
      model: model.slice(0, 80),
      uuid,
      vram_mb: vramMb,
      ...(driverVersion !== undefined && { driver: driverVersion.slice(0, 40) }),
      ...(pciBus !== undefined && { pci_bus: pciBus.slice(0, 40) }),
      declared: false,
    });
  }
  return gpus.slice(0, MAX_GPUS);
}

/** Devices the owner vouches for. The same seed and declaration give the same UUIDs at every start. */
export function declaredGpus(declared: readonly DeclaredGpu[], seed: string): Gpu[] {
  const each = declared.flatMap((group) => Array.from({ length: group.count }, () => group));
  return each.slice(0, MAX_GPUS).map((group, index) => ({
    index,
    model: group.model,
    uuid: stableUuid(`${seed}:${index}:${group.model}`),
    vram_mb: group.vram_mb,
    declared: true,
  }));
}

function stableUuid(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return `GPU-${[hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join("-")}`;
}

/** GPUs by the driver's word. None where there is no driver, or one that does not answer. */
async function detectGpus(): Promise<Gpu[]> {
  return parseNvidiaSmi(await nvidiaSmi(QUERY));
}

/** @returns what nvidia-smi prints for these columns, "" where it is absent or fails */
export async function nvidiaSmi(columns: string): Promise<string> {
  try {
    const options = { timeout: 20_000, maxBuffer: 1 << 20 };
    return (await run("nvidia-smi", [`--query-gpu=${columns}`, "--format=csv,noheader,nounits"], options)).stdout;
  } catch {
    return "";
  }
}

/** PRETTY_NAME of os-release(5), unquoted. */
export function parseOsName(text: string): string | undefined {
  const value = /^PRETTY_NAME=(.*)$/m.exec(text)?.[1]?.trim();
  return value?.replace(/^(["'])(.*)\1$/, "$2") || undefined;
}

async function osName(): Promise<string> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  return (parseOsName(text) ?? `${os.type()} ${os.release()}`).slice(0, 120);
}

/**
 * @param seed what declared UUIDs are derived from: the identity's public key
 * @param sandboxed whether the runtime proved that it can isolate
 */
export async function detectMachine(
  config: AgentConfig,
  dataDir: string,
  seed: string,
  sandboxed: boolean,
): Promise<Machine> {
  const cpus = os.cpus();
  const disk = await statfs(dataDir);
  const declared = config.declared_gpus.length > 0;
  return {
    hostname: os.hostname().slice(0, 253) || "localhost",
    os: await osName(),
    architecture: os.arch(),
    cpu_model: (cpus[0]?.model ?? "unknown").trim().slice(0, 120),
    cpu_cores: config.declared_cpus ?? Math.max(1, os.availableParallelism()),
    memory_mb: config.declared_memory_gb ? config.declared_memory_gb * 1024 : Math.floor(os.totalmem() / 1_048_576),
    disk_gb: config.declared_disk_gb ?? Math.max(1, Math.floor((disk.bavail * disk.bsize) / 1e9)),
    gpus: declared ? declaredGpus(config.declared_gpus, seed) : await detectGpus(),
    runtime: config.runtime,
    sandboxed,
  };
}
