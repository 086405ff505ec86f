// What machines and the broker say to each other on Redis Streams: the seed's names and fields, and a signature.
import { z } from "zod";
import { Address, text } from "./fields.ts";

export const REGISTRATION_STREAM = "provider:registration";
export const HEARTBEAT_STREAM = "provider:heartbeat";
/** What could never be taken: stream, id, reason and deliveries, without the message itself. */
export const PARKED_STREAM = "provider:parked";

/** @param name the machine's own: the `provider_id` of its messages */
export function responseStream(name: string): string {
  return `provider:response:${name}`;
}

/** Bytes of `data`; a longer message is refused unread. */
export const MAX_MESSAGE_BYTES = 262_144;

/** How far a message's `timestamp` may lie from the time that Redis gave its entry. */
export const MAX_MESSAGE_SKEW_MS = 5 * 60_000;

/** Why a message is refused, for ever: sending it again changes nothing. */
export const STREAM_REFUSALS = [
  "too-large",
  "malformed",
  "unsigned",
  "forged",
  "wrong-time",
  "replayed",
  "out-of-order",
  "unknown-provider",
  "other-owner",
  "bad-token",
  "conflict",
  "no-cluster",
  "not-a-node",
  "turned-away",
  "poison",
] as const;
export type StreamRefusal = (typeof STREAM_REFUSALS)[number];

/** What a machine calls itself. `prov_…` is the broker's own, so that no name can pass for another's id. */
export const MachineName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "1 to 64 letters, digits, dots, dashes and underscores");

/** @returns USD with 6 places, or null where the digits are no such amount */
export function decimalOf(digits: string): string | null {
  const match = /^(\d{1,6})(?:\.(\d{1,6}))?$/.exec(digits);
  return match ? `${match[1]}.${(match[2] ?? "").padEnd(6, "0")}` : null;
}

/** Money as the seed sends it, a JSON number, or the same digits as text: read by its digits, never by arithmetic. */
const Amount = z.union([z.number(), z.string().max(20)]).transform((value, context) => {
  const amount = decimalOf(String(value));
  if (amount === null) context.addIssue({ code: "custom", message: "USD per hour with at most 6 decimals" });
  return amount ?? z.NEVER;
});

/** Empty text is how the seed's programs leave a field out. */
function optionalText(max: number) {
  return z.preprocess((value) => (value === "" || value === null ? undefined : value), text(max).optional());
}
const whole = (max: number) => z.number().min(0).max(max).transform(Math.floor);
const percent = z.number().min(0).max(100);

const GpuSpec = z.object({
  index: z.int().min(0).max(255).optional(),
  name: text(80),
  memory_mb: whole(4_194_304).optional(),
  /** the same, as the seed's own example names it */
  memory: whole(4_194_304).optional(),
  uuid: optionalText(80),
  driver_ver: optionalText(40),
  pci_bus_id: optionalText(40),
});

/** `provider:registration`. Fields that are not named here are left unread. */
export const StreamRegistration = z.object({
  provider_id: MachineName.refine((name) => !name.startsWith("prov_"), "must not begin with prov_"),
  wallet_addr: Address,
  /** of the owner's account, for its first registration */
  token: z.string().min(20).max(200).optional(),
  /** Ed25519 public key, SPKI DER, base64 */
  public_key: z.string().min(40).max(200).optional(),
  region: optionalText(32),
  agent_version: optionalText(40),
  spec: z.object({
    hostname: text(253),
    os: optionalText(120),
    kernel_ver: optionalText(120),
    architecture: optionalText(40),
    cpu_model: optionalText(120),
    cpu_cores: z.int().min(1).max(4096),
    total_memory_mb: whole(268_435_456).pipe(z.number().min(1)),
    gpus: z.array(GpuSpec).max(64).nullish(),
    total_gpus: z.int().min(0).max(64).optional(),
    total_disk_gb: whole(16_777_216).optional(),
    available_disk_gb: whole(16_777_216).optional(),
    public_ip: optionalText(253),
    private_ip: optionalText(253),
  }),
  capacity: z.object({
    gpu_price_per_hour: Amount.optional(),
    /** by model; what is named here counts before the one figure for all */
    gpu_prices_per_hour: z.record(z.string().max(80), Amount).nullish(),
    cpu_price_per_hour: Amount.optional(),
  }),
});
export type StreamRegistration = z.infer<typeof StreamRegistration>;

const GpuUsage = z.union([
  percent.transform((utilization) => ({ utilization, memory_used_mb: 0, index: undefined, uuid: undefined })),
  z
    .object({
      index: z.int().min(0).max(255).optional(),
      uuid: optionalText(80),
      utilization: percent.optional(),
      utilization_percent: percent.optional(),
      gpu_utilization: percent.optional(),
      memory_used_mb: whole(4_194_304).optional(),
    })
    .transform(({ utilization, utilization_percent, gpu_utilization, memory_used_mb, ...which }) => ({
      ...{ index: which.index, uuid: which.uuid, memory_used_mb: memory_used_mb ?? 0 },
      utilization: utilization ?? utilization_percent ?? gpu_utilization ?? 0,
    })),
]);

/** `provider:heartbeat`. What it says of its own status is left unread: nobody declares himself available. */
export const StreamHeartbeat = z.object({
  provider_id: MachineName,
  gpu_usage: z.array(GpuUsage).max(64).nullish(),
  /** percent */
  cpu_usage: percent.optional(),
  /** percent */
  memory_usage: percent.optional(),
});
export type StreamHeartbeat = z.infer<typeof StreamHeartbeat>;

/** `data` of an entry on `provider:response:<id>`. */
export interface StreamResponse {
  readonly success: boolean;
  /** as people see it; "" where the broker knows no such machine */
  readonly status: string;
  readonly message: string;
  /** why it was refused, in one word of STREAM_REFUSALS */
  readonly reason?: StreamRefusal;
  readonly join_token: string | null;
  readonly join_command: string | null;
  readonly master_ip: string | null;
  readonly master_port: number | null;
  readonly ca_hash: string | null;
  readonly node_name: string | null;
  readonly labels: Readonly<Record<string, string>>;
}
