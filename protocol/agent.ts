// What an agent and the broker say to each other: enrolment, and the heartbeat that is also the long poll.
import { z } from "zod";
import { END_CAUSES } from "../domain/execution/spec.ts";
import { isExternal, PROVIDER_STATUSES, RUNTIMES } from "../domain/provider/state.ts";
import { text } from "./fields.ts";

const executionId = z.string().regex(/^exec_[0-9a-z]{26}$/);
const timestamp = z.iso.datetime({ offset: true });

/** What no database takes: NUL and half a surrogate pair. One machine's text must not spoil a batch of many. */
const STORABLE = /^[^\0\p{Cs}]*$/u;

function distinct<T>(key: (item: T) => string) {
  return (items: readonly T[]) => new Set(items.map(key)).size === items.length;
}

export const GpuReport = z.strictObject({
  index: z.int().min(0).max(255),
  model: text(80),
  uuid: text(80),
  vram_mb: z.int().min(1).max(4_194_304),
  driver: text(40).optional(),
  pci_bus: text(40).optional(),
  /** True where the owner said so and no driver was asked. */
  declared: z.boolean(),
});

/** The machine as the agent sees it. Memory in MB, disk in GB. */
export const MachineReport = z.strictObject({
  hostname: text(253),
  os: text(120),
  kernel: text(120).optional(),
  /** of its interfaces, loopback and link-local left out */
  addresses: z
    .array(z.union([z.ipv4(), z.ipv6()]))
    .max(32)
    .optional(),
  architecture: text(40),
  cpu_model: z.string().max(120).regex(STORABLE),
  cpu_cores: z.int().min(1).max(4096),
  memory_mb: z.int().min(1).max(268_435_456),
  disk_gb: z.int().min(1).max(16_777_216),
  gpus: z
    .array(GpuReport)
    .max(64)
    .refine(
      distinct((gpu: z.infer<typeof GpuReport>) => gpu.uuid),
      "each GPU once",
    ),
  /** `kubernetes`: the machine is to join the broker's cluster. It stays what it was enrolled as. */
  runtime: z.enum(RUNTIMES).refine((runtime) => !isExternal(runtime), "one that an agent of Berth runs"),
  /** False where the runtime has no sandbox: no execution is placed then but for logged-in accounts of a demo. */
  sandboxed: z.boolean(),
});

const price = z.string().regex(/^\d{1,6}\.\d{6}$/, "a decimal string with 6 places");

export const Enrol = z.strictObject({
  token: z.string().min(20).max(200),
  /** Ed25519 public key, SPKI DER, base64. */
  public_key: z.string().min(40).max(200),
  name: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "lower-case letters, digits and dashes, at most 63"),
  region: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/, "lower-case letters, digits and dashes, at most 32"),
  /** The address customers reach this machine on. */
  host: z
    .string()
    .max(253)
    .regex(/^[A-Za-z0-9:]([A-Za-z0-9.:-]*[A-Za-z0-9:])?$/, "an IP address or a host name"),
  price_per_gpu_hour: price,
  price_per_cpu_hour: price,
  agent_version: text(40),
  machine: MachineReport,
});

export const ExecutionReport = z.discriminatedUnion("state", [
  z.strictObject({ id: executionId, state: z.literal("starting") }),
  /** of a batch job: its program runs */
  z.strictObject({ id: executionId, state: z.literal("running"), started_at: timestamp }),
  z.strictObject({
    id: executionId,
    state: z.literal("ready"),
    port: z.int().min(1).max(65535),
    user: z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, "the name of a login"),
  }),
  z.strictObject({
    id: executionId,
    state: z.literal("ended"),
    exit_code: z.int().nullable(),
    cause: z.enum(END_CAUSES),
    detail: z.string().max(2000).regex(STORABLE),
    ended_at: timestamp,
  }),
]);
export type ExecutionReport = z.infer<typeof ExecutionReport>;

/**
 * A sign of life. `seq` grows with every beat of one identity, over restarts too; an older one changes nothing.
 * Executions are all that exist on the machine now, ended ones until the broker no longer wants them.
 */
export const Heartbeat = z.strictObject({
  seq: z.int().min(1).max(Number.MAX_SAFE_INTEGER),
  agent_version: text(40),
  /** Drawn at each start of the agent, so that two agents with one identity are noticed. */
  instance: z.string().regex(/^[0-9a-f]{32}$/, "32 lower-case hexadecimal digits"),
  machine: MachineReport,
  usage: z.strictObject({
    cpu_percent: z.number().min(0).max(100),
    memory_used_mb: z.int().min(0).max(268_435_456),
    gpus: z
      .array(
        z.strictObject({
          uuid: text(80),
          utilization_percent: z.number().min(0).max(100),
          memory_used_mb: z.int().min(0).max(4_194_304),
        }),
      )
      .max(64),
  }),
  executions: z
    .array(ExecutionReport)
    .max(1024)
    .refine(
      distinct((execution: ExecutionReport) => execution.id),
      "each execution once",
    ),
  /** The `generation` of the desired set this report already acts on; 0 before the first answer. */
  generation: z.int().min(0).max(2_147_483_647),
});
export type Heartbeat = z.infer<typeof Heartbeat>;

/** Fields, never a command line: the agent builds its own arguments and runs nothing that a broker wrote. */
export const JoinTicket = z.strictObject({
  /** host:port of the API server */
  api_server: z.string().regex(/^[A-Za-z0-9[][A-Za-z0-9.:[\]-]{0,252}:\d{1,5}$/),
  /** kubeadm's bootstrap token */
  token: z.string().regex(/^[a-z0-9]{6}\.[a-z0-9]{16}$/),
  /** of the cluster's CA, for discovery */
  ca_cert_hash: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  node_name: z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/),
  expires_at: timestamp,
});
export type JoinTicket = z.infer<typeof JoinTicket>;

/** The owner at the machine drains it, or takes that back. `seq` is above every beat's before. */
export const AgentDrain = z.strictObject({
  seq: z.int().min(1).max(Number.MAX_SAFE_INTEGER),
  draining: z.boolean(),
});

/**
 * The next part of what an execution wrote. Offsets count characters (UTF-16 units) since its start; a part that begins
 * after the end that the broker knows says that something between was lost, one that begins before it is cut.
 */
export const LogReport = z.strictObject({
  seq: z.int().min(1).max(Number.MAX_SAFE_INTEGER),
  offset: z.int().min(0).max(Number.MAX_SAFE_INTEGER),
  text: z.string().max(65_536).regex(STORABLE),
});
export type LogReport = z.infer<typeof LogReport>;

/** Who pulls a private image; null for everybody's. */
const registryLogin = z
  .strictObject({ registry: z.string(), username: z.string(), password: z.string() })
  .nullable()
  .default(null);

/** A rental that should run here. */
export const WireRental = z.strictObject({
  id: executionId,
  job_id: z.string(),
  provider_id: z.string(),
  kind: z.literal("rental"),
  image: z.string(),
  cpu_cores: z.int(),
  memory_mb: z.int(),
  disk_gb: z.int(),
  gpu_uuids: z.array(z.string()),
  env: z.record(z.string(), z.string()),
  /** Runs beside SSH: program and arguments; null for nothing. A runtime without images runs none. */
  command: z.array(z.string()).nullable().default(null),
  registry_login: registryLogin,
  ssh_public_keys: z.array(z.string()),
  /** OpenSSH private key PEM of the execution's SSH host key. */
  ssh_host_key: z.string(),
  deadline: timestamp,
});
export type WireRental = z.infer<typeof WireRental>;

/** An execution of a batch job that should run here to its end; its result goes to POST /providers/:id/results. */
export const WireBatch = z.strictObject({
  id: executionId,
  job_id: z.string(),
  provider_id: z.string(),
  kind: z.literal("batch"),
  image: z.string(),
  command: z.array(z.string()),
  registry_login: registryLogin,
  input_data: z.string(),
  files: z.array(z.string()),
  network: z.boolean(),
  cpu_cores: z.int(),
  memory_mb: z.int(),
  disk_gb: z.int(),
  gpu_uuids: z.array(z.string()),
  env: z.record(z.string(), z.string()),
  timeout_seconds: z.int(),
  deadline: timestamp,
});
export type WireBatch = z.infer<typeof WireBatch>;

/** What should run here now, all of it. What is not in `executions` is to be stopped and forgotten. */
export const HeartbeatAnswer = z.strictObject({
  now: timestamp,
  status: z.enum(PROVIDER_STATUSES),
  /** What the owner of the machine should know, newest first: why it waits, why it was turned away, what is wrong. */
  notices: z.array(z.string()),
  /** What a machine that is to join the cluster needs; null where it is no such machine, has joined, or must wait. */
  join: JoinTicket.nullable(),
  generation: z.int().min(0),
  executions: z.array(z.discriminatedUnion("kind", [WireRental, WireBatch])),
});
export type HeartbeatAnswer = z.infer<typeof HeartbeatAnswer>;

/** Headers of a signed request. */
export const SIGNATURE_HEADERS = {
  time: "x-berth-time",
  sequence: "x-berth-sequence",
  signature: "x-berth-signature",
} as const;

/**
 * The bytes that are signed (Ed25519, base64 in `x-berth-signature`): one line each, joined by "\n".
 * @param path with its query, as sent
 * @param time RFC 3339, as in `x-berth-time`
 * @param bodyHash SHA-256 of the raw body, lower-case hex
 */
export function signedText(method: string, path: string, time: string, sequence: number, bodyHash: string): string {
  return ["berth-signature-1", method.toUpperCase(), path, time, String(sequence), bodyHash].join("\n");
}
