// What the owner said about this machine: one commented YAML file, made from command-line flags and edited by people.
import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseDocument } from "yaml";
import { z } from "zod";
import { RUNTIMES } from "../domain/provider/state.ts";
import { Enrol } from "../protocol/agent.ts";
import { nameOf, readAs } from "../protocol/read.ts";
import { readText, writeWhole } from "./files.ts";
import type { Paths } from "./paths.ts";

export const DeclaredGpu = z.strictObject({
  count: z.int().min(1).max(64),
  model: z.string().min(1).max(80),
  vram_mb: z.int().min(1).max(4_194_304),
});
export type DeclaredGpu = z.infer<typeof DeclaredGpu>;

/** People write 0.4; the wire wants 0.400000. */
const price = z.preprocess((value) => {
  const text = typeof value === "number" ? value.toFixed(6) : value;
  const match = typeof text === "string" ? /^(\d{1,6})(?:\.(\d{1,6}))?$/.exec(text) : null;
  return match ? `${match[1]}.${(match[2] ?? "").padEnd(6, "0")}` : text;
}, Enrol.shape.price_per_gpu_hour);

export const JOINS = ["manual", "automatic"] as const;

export const AgentConfig = z.strictObject({
  broker: z.url({ protocol: /^https?$/, error: "the address of a broker, as https://berth.example" }),
  name: Enrol.shape.name,
  region: Enrol.shape.region,
  host: Enrol.shape.host,
  price_per_gpu_hour: price,
  price_per_cpu_hour: price,
  runtime: z.enum(RUNTIMES),
  join: z.enum(JOINS),
  declared_gpus: z.array(DeclaredGpu),
  declared_cpus: z.int().min(1).max(4096).optional(),
  declared_memory_gb: z.int().min(1).max(262_144).optional(),
  declared_disk_gb: z.int().min(1).max(16_777_216).optional(),
});
export type AgentConfig = z.infer<typeof AgentConfig>;

/** The file may leave out whatever has a default or comes with a flag. */
const StoredConfig = AgentConfig.partial();
export type StoredConfig = z.infer<typeof StoredConfig>;

/** Every field may be missing: what is given now wins over what is stored, and defaults come last. */
export type ConfigFlags = { readonly [K in keyof AgentConfig]?: AgentConfig[K] | undefined };

/** Something the person at the keyboard can put right; its message is all they need. */
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

/**
 * Joins flags, the stored file and defaults.
 * @throws ConfigError naming each flag that is needed or not what it must be
 */
export function resolveConfig(flags: ConfigFlags, stored: StoredConfig | undefined, hostname: string): AgentConfig {
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
  const defaults = {
    name: defaultName(hostname),
    region: "local",
    host: "127.0.0.1",
    price_per_cpu_hour: "0.010000",
    runtime: "process",
    join: "manual",
    declared_gpus: [],
  };
  const all: Record<string, unknown> = { ...defaults, ...stored, ...given };
  const read = readAs(AgentConfig, all);
  if (read.problems === null) return read.data;
  throw new ConfigError(
    read.problems
      .map(({ path, message }) => {
        const field = String(path[0]);
        const flag = field.replace("declared_", "declare_").replaceAll("_", "-");
        return `--${flag}: ${all[field] === undefined ? "is needed" : message}`;
      })
      .join("; "),
  );
}

/**
 * @param where named in what is thrown
 * @throws ConfigError naming each line that cannot be taken: no YAML, an unknown setting, a value out of bounds
 */
export function parseConfig(text: string, where: string): StoredConfig {
  const document = parseDocument(text, { prettyErrors: true });
  const [broken] = document.errors;
  if (broken) throw new ConfigError(`${where} is not YAML: ${broken.message}`);
  const read = readAs(StoredConfig, document.toJS() ?? {});
  if (read.problems === null) return read.data;
  const sentences = read.problems.map((problem) => `${nameOf(problem.path) || "the file"}: ${problem.message}`);
  throw new ConfigError(
    `${where}: ${sentences.join("; ")}. Settings are ${Object.keys(AgentConfig.shape).join(", ")}.`,
  );
}

/** What `uninstall` leaves beside the identity, for the next `install`. */
export const KEPT_CONFIG = "agent.kept.yaml";

/** @returns undefined where there is none. What an uninstall kept, or an earlier version's agent.json, stands in for it. */
export async function readConfig({ config, dataDir }: Paths): Promise<StoredConfig | undefined> {
  for (const path of [config, join(dataDir, KEPT_CONFIG), join(dataDir, "agent.json")]) {
    const text = await readText(path); // JSON is YAML
    if (text !== undefined) return parseConfig(text, path);
  }
  return undefined;
}

/** Writes the file, or changes only the values that differ in the one that is there: people's comments stay. */
export async function writeConfig(paths: Paths, config: AgentConfig): Promise<void> {
  const before = await readText(paths.config);
  const after = before === undefined ? renderConfig(config) : editConfig(before, config);
  if (after !== before) {
    await mkdir(dirname(paths.config), { recursive: true, mode: 0o755 });
    await writeWhole(paths.config, after, 0o600);
  }
  await rm(join(paths.dataDir, "agent.json"), { force: true });
}

/** @returns the text with the values of `config`, everything else as it was */
export function editConfig(text: string, config: AgentConfig): string {
  const stored = parseConfig(text, "the config");
  const document = parseDocument(text);
  let changed = false;
  for (const key of AgentConfig.keyof().options) {
    if (JSON.stringify(stored[key]) === JSON.stringify(config[key])) continue;
    if (stored[key] === undefined && isDefault(key, config)) continue;
    document.set(key, config[key]);
    changed = true;
  }
  return changed ? document.toString({ lineWidth: 0 }) : text;
}

function isDefault(key: keyof AgentConfig, { join: joining, declared_gpus }: AgentConfig): boolean {
  if (key === "join") return joining === "manual";
  return key === "declared_gpus" && declared_gpus.length === 0;
}

const say = (value: unknown) => JSON.stringify(value); // JSON is YAML, and its strings need no thought about quoting

export function renderConfig(config: AgentConfig): string {
  const declared = config.declared_gpus.map((gpu) => `\n  - ${say(gpu)}`).join("");
  const optional = (key: "declared_cpus" | "declared_memory_gb" | "declared_disk_gb", example: number) =>
    config[key] === undefined ? `# ${key}: ${example}` : `${key}: ${config[key]}`;
  return `# What berth-agent knows about this machine. Read at its start: after a change, \`systemctl restart berth-agent\`.

# The broker this machine serves.
broker: ${say(config.broker)}

# Told to the broker once, at the enrolment. Change prices on the provider page afterwards, or with POST
# /api/v1/providers/ID/price; they are of new jobs only.
name: ${say(config.name)}
region: ${say(config.region)}
price_per_gpu_hour: ${say(config.price_per_gpu_hour)}
price_per_cpu_hour: ${say(config.price_per_cpu_hour)}

# The address customers reach this machine on.
host: ${say(config.host)}

# What runs executions. process: sandboxed processes, for demos and development. docker: containers of this machine's
# Docker or Podman. kubernetes: the machine joins the broker's cluster. It stays what it was enrolled as.
runtime: ${config.runtime}

# With runtime kubernetes: manual (\`berth-agent join --yes\`) or automatic (the agent runs kubeadm when the broker lets it).
join: ${config.join}

# GPUs to offer without asking the driver; they are shown as declared everywhere.
#   - {"count": 4, "model": "NVIDIA GeForce RTX 4090", "vram_mb": 24576}
declared_gpus:${declared === "" ? " []" : declared}

# To offer less (or other) than what is found.
${optional("declared_cpus", 8)}
${optional("declared_memory_gb", 32)}
${optional("declared_disk_gb", 200)}
`;
}
