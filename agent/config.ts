// What the owner said about this machine: command-line flags, kept in the data directory for the next start.
import { join } from "node:path";
import { z } from "zod";
import { Enrol } from "../protocol/agent.ts";
import { readJson, writeJson } from "./files.ts";

export const DeclaredGpu = z.strictObject({
  count: z.int().min(1).max(64),
  model: z.string().min(1).max(80),
  vram_mb: z.int().min(1).max(4_194_304),
});
export type DeclaredGpu = z.infer<typeof DeclaredGpu>;

export const AgentConfig = z.strictObject({
  broker: z.url({ protocol: /^https?$/ }),
  name: Enrol.shape.name,
  region: Enrol.shape.region,
  host: Enrol.shape.host,
  price_per_gpu_hour: Enrol.shape.price_per_gpu_hour,
  price_per_cpu_hour: Enrol.shape.price_per_cpu_hour,
  runtime: z.literal("process"),
  declared_gpus: z.array(DeclaredGpu),
  declared_cpus: z.int().min(1).max(4096).optional(),
  declared_memory_gb: z.int().min(1).max(262_144).optional(),
  declared_disk_gb: z.int().min(1).max(16_777_216).optional(),
});
export type AgentConfig = z.infer<typeof AgentConfig>;

/** Every field may be missing: what is given now wins over what is stored, and defaults come last. */
export type ConfigFlags = { readonly [K in keyof AgentConfig]?: AgentConfig[K] | undefined };

export class ConfigError extends Error {}

/**
 * Reads `4x NVIDIA GeForce RTX 4090:24576` (count, model, memory in MB; the count may be left out), several of them
 * separated by commas.
 */
export function parseDeclaredGpus(text: string): DeclaredGpu[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => {
      const match = /^(?:(\d+)x\s+)?(?!\d+x\s)(\S.*):(\d+)$/.exec(part);
      const parsed = DeclaredGpu.safeParse({
        count: Number(match?.[1] ?? 1),
        model: match?.[2]?.trim(),
        vram_mb: Number(match?.[3]),
      });
      if (!parsed.success) throw new ConfigError(`"${part}" is not of the form "4x NVIDIA GeForce RTX 4090:24576"`);
      return parsed.data;
    });
}

function defaultName(hostname: string): string {
  const name = hostname
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 63)
    .replace(/^-+|-+$/g, "");
  return name === "" ? "provider" : name;
}

/** Joins flags, the stored file and defaults. Throws a ConfigError that names the flag. */
export function resolveConfig(flags: ConfigFlags, stored: AgentConfig | undefined, hostname: string): AgentConfig {
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
  const defaults = {
    name: defaultName(hostname),
    region: "local",
    host: "127.0.0.1",
    price_per_cpu_hour: "0.010000",
    runtime: "process",
    declared_gpus: [],
  };
  const parsed = AgentConfig.safeParse({ ...defaults, ...stored, ...given });
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const flag = String(issue?.path[0] ?? "").replace("declared_", "declare_");
  throw new ConfigError(`--${flag.replaceAll("_", "-")}: ${issue?.message ?? "is not valid"}`);
}

export async function readConfig(dataDir: string): Promise<AgentConfig | undefined> {
  return readJson(join(dataDir, "agent.json"), AgentConfig);
}

export async function writeConfig(dataDir: string, config: AgentConfig): Promise<void> {
  await writeJson(join(dataDir, "agent.json"), config);
}
