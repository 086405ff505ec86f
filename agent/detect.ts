// What this machine has: GPUs as the NVIDIA driver names them or as the owner declares them, CPU, memory, disk, OS.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile, statfs } from "node:fs/promises";
import os from "node:os";
import type { z } from "zod";
import type { GpuReport, MachineReport } from "../protocol/agent.ts";
import type { AgentConfig, DeclaredGpu } from "./config.ts";

export type Gpu = z.infer<typeof GpuReport>;
export type Machine = z.infer<typeof MachineReport>;

const MAX_GPUS = 64;
/** The name comes last but for fields that never hold a comma, and MIG's mode before it: a name may hold commas. */
const QUERY = "name,uuid,memory.total,driver_version,pci.bus_id";
const DRIVER_TIMEOUT_MS = 20_000;

/** nvidia-smi writes [N/A], [Not Supported], [GPU requires reset], ERR! and the like where it has no value. */
function known(field: string | undefined): string | undefined {
  const text = field?.trim() ?? "";
  return text === "" || /^(N\/A|ERR!|Unknown Error|\[.*\])$/i.test(text) ? undefined : text;
}

/** As the wire takes it: no control characters, no half of a character at the cut. */
function storable(text: string, length: number): string {
  return text
    .replace(/\p{Cc}/gu, "")
    .slice(0, length)
    .replace(/\p{Cs}$/u, "");
}

interface Card extends Gpu {
  /** Cut into MIG devices, which alone can run something then. */
  readonly mig: boolean;
}

/**
 * Reads `nvidia-smi --query-gpu=index[,mig.mode.current],name,uuid,memory.total,driver_version,pci.bus_id
 * --format=csv,noheader,nounits`. Lines that are no device (driver errors, "No devices were found") and devices whose
 * memory or UUID is unknown are left out: such a device could neither be placed on nor be given to anyone.
 * @param withMig whether the second column is MIG's mode; older drivers do not know it
 */
function parseCards(text: string, withMig: boolean): Card[] {
  const cards: Card[] = [];
  for (const line of text.split("\n")) {
    const fields = line.split(",").map((field) => field.trim());
    const before = withMig ? 2 : 1;
    if (fields.length < before + 5) continue;
    const index = fields[0] === "" ? Number.NaN : Number(fields[0]);
    const [uuid, memory, driver, bus] = fields.slice(-4);
    const model = known(fields.slice(before, -4).join(", ")); // nvidia-smi quotes nothing
    const vramMb = Number(/^(\d+)(?:\s*Mi?B)?$/.exec(known(memory) ?? "")?.[1] ?? Number.NaN); // old drivers keep the unit
    if (!Number.isInteger(index) || index < 0 || index > 255 || model === undefined) continue;
    if (uuid === undefined || !/^(GPU|MIG)-[0-9a-fA-F-]{8,}$/.test(uuid) || cards.some((card) => card.uuid === uuid))
      continue;
    if (!Number.isInteger(vramMb) || vramMb < 1) continue;
    const driverVersion = known(driver);
    const pciBus = known(bus);
    cards.push({
      index,
      model: storable(model, 80),
      uuid,
      vram_mb: vramMb,
      ...(driverVersion !== undefined && { driver: storable(driverVersion, 40) }),
      ...(pciBus !== undefined && { pci_bus: storable(pciBus, 40) }),
      declared: false,
      mig: withMig && fields[1] === "Enabled",
    });
  }
  return cards;
}

/** MIG devices under each card's UUID, from `nvidia-smi -L`: their profile, as `3g.20gb`, and their UUID. */
function parseMigDevices(listing: string): Map<string, { readonly profile: string; readonly uuid: string }[]> {
  const devices = new Map<string, { profile: string; uuid: string }[]>();
  let under: { profile: string; uuid: string }[] | undefined;
  for (const line of listing.split("\n")) {
    const card = /^GPU \d+: .*\(UUID: (GPU-[0-9a-fA-F-]+)\)/.exec(line)?.[1];
    if (card !== undefined) {
      under = [];
      devices.set(card, under);
    }
    // Before driver 470 a MIG device was named MIG-GPU-<uuid>/<gi>/<ci>.
    const [, profile, uuid] = /^\s+MIG (\S+)\s+Device\s+\d+: \(UUID: (MIG-[0-9a-zA-Z/-]+)\)/.exec(line) ?? [];
    if (profile !== undefined && uuid !== undefined) under?.push({ profile, uuid });
  }
  return devices;
}

/**
 * The GPUs to offer. A card in MIG mode counts as its MIG devices, and as nothing where it has none: no program could
 * use it. Their memory is what their profile promises, in powers of ten: the driver gives a little more.
 * @param query what the driver prints for the columns
 * @param listing what `nvidia-smi -L` prints; only asked for where a card is in MIG mode
 */
export function parseNvidiaSmi(query: string, withMig = false, listing = ""): Gpu[] {
  const devices = parseMigDevices(listing);
  const gpus = parseCards(query, withMig).flatMap(({ mig, ...card }): Gpu[] => {
    if (!mig) return [card];
    return (devices.get(card.uuid) ?? []).flatMap(({ profile, uuid }) => {
      const vramMb = Math.floor((Number(/\.(\d+)gb/.exec(profile)?.[1] ?? 0) * 1e9) / 1_048_576);
      return vramMb < 1
        ? []
        : [{ ...card, model: storable(`${card.model} MIG ${profile}`, 80), uuid, vram_mb: vramMb }];
    });
  });
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

/** What the driver said; undefined where it gave no answer in time, which says nothing about its GPUs. */
export type AskDriver = (args: readonly string[]) => Promise<string | undefined>;

/** One question to nvidia-smi. What it prints counts even where it exits with an error: one lost GPU makes it do so. */
export const nvidiaSmi: AskDriver = (args) =>
  new Promise((resolve) => {
    // A process that hangs in the kernel cannot even be killed: the wait ends all the same.
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      resolve(undefined);
    }, DRIVER_TIMEOUT_MS);
    const child = execFile("nvidia-smi", args, { maxBuffer: 1 << 20 }, (_error, stdout) => {
      clearTimeout(timer);
      resolve(stdout);
    });
  });

export const columns = (names: string): string[] => [`--query-gpu=${names}`, "--format=csv,noheader,nounits"];

/** GPUs by the driver's word. None where there is no driver; undefined where it did not answer in time. */
export async function detectGpus(ask: AskDriver = nvidiaSmi): Promise<Gpu[] | undefined> {
  const text = await ask(columns(`index,mig.mode.current,${QUERY}`));
  if (text === undefined) return undefined;
  if (/not a valid field/i.test(text)) {
    const plain = await ask(columns(`index,${QUERY}`));
    return plain === undefined ? undefined : parseNvidiaSmi(plain);
  }
  if (!parseCards(text, true).some((card) => card.mig)) return parseNvidiaSmi(text, true);
  const listing = await ask(["-L"]);
  return listing === undefined ? undefined : parseNvidiaSmi(text, true, listing);
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

/** Addresses of the machine's interfaces, loopback and link-local left out, in a stable order. */
export function addressesOf(interfaces: ReturnType<typeof os.networkInterfaces>): string[] {
  const all = Object.values(interfaces).flatMap((addresses) => addresses ?? []);
  const told = all.filter(({ internal, address }) => !internal && !/^(169\.254\.|fe[89ab][0-9a-f]:)/i.test(address));
  return [...new Set(told.map(({ address }) => address.replace(/%.*$/, "")))].sort().slice(0, 32);
}

/** What the machine cannot be asked. */
export interface Given {
  /** What declared UUIDs are derived from: the identity's public key. */
  readonly seed: string;
  /** Whether the runtime proved that it can isolate; an engine of containers may come to it later. */
  readonly sandboxed: boolean;
}

/**
 * @param before the machine as it was seen last: GPUs whose driver does not answer in time stay as they were, and so does
 *   the disk on offer, which executions use up while it is set aside for them
 */
export async function detectMachine(
  config: AgentConfig,
  dataDir: string,
  { seed, sandboxed }: Given,
  before?: Machine,
  ask: AskDriver = nvidiaSmi,
): Promise<Machine> {
  const cpus = os.cpus();
  const disk = await statfs(dataDir);
  const declared = config.declared_gpus.length > 0;
  return {
    hostname: os.hostname().slice(0, 253) || "localhost",
    os: await osName(),
    kernel: storable(os.release(), 120) || "unknown",
    addresses: addressesOf(os.networkInterfaces()),
    architecture: os.arch(),
    cpu_model: storable((cpus[0]?.model ?? "unknown").trim(), 120),
    cpu_cores: config.declared_cpus ?? Math.max(1, os.availableParallelism()),
    memory_mb: config.declared_memory_gb ? config.declared_memory_gb * 1024 : Math.floor(os.totalmem() / 1_048_576),
    disk_gb: config.declared_disk_gb ?? before?.disk_gb ?? Math.max(1, Math.floor((disk.bavail * disk.bsize) / 1e9)),
    gpus: declared ? declaredGpus(config.declared_gpus, seed) : ((await detectGpus(ask)) ?? before?.gpus ?? []),
    runtime: config.runtime,
    sandboxed,
  };
}
