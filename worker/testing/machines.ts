// Machines of the seed as a test plays them: each has a key, and writes onto the streams what its program would.
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import type { Redis } from "ioredis";
import { signedText } from "../../protocol/agent.ts";
import { HEARTBEAT_STREAM, REGISTRATION_STREAM, responseStream, type StreamResponse } from "../../protocol/streams.ts";
import type { Nodes } from "../../server/deps.ts";

export type Fields = Readonly<Record<string, string>>;

export interface Machine {
  readonly name: string;
  readonly publicKey: string;
  /** Fields of an entry, signed. */
  signed(stream: string, data: unknown, sequence: number, at?: Date): Fields;
  registration(wallet: string, token: string, sequence: number, over?: Record<string, unknown>): Fields;
  heartbeat(sequence: number, over?: Record<string, unknown>): Fields;
}

export function newMachine(name: string): Machine {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const spki = publicKey.export({ format: "der", type: "spki" }).toString("base64");
  const signed: Machine["signed"] = (stream, content, sequence, at = new Date()) => {
    const data = typeof content === "string" ? content : JSON.stringify(content);
    const timestamp = at.toISOString();
    const bodyHash = createHash("sha256").update(data).digest("hex");
    const text = signedText("XADD", stream, timestamp, sequence, bodyHash);
    const signature = sign(null, Buffer.from(text), privateKey).toString("base64");
    return { data, timestamp, sequence: String(sequence), signature };
  };
  return {
    name,
    publicKey: spki,
    signed,
    registration: (wallet, token, sequence, over = {}) =>
      signed(REGISTRATION_STREAM, { ...seedRegistration(name, wallet), token, public_key: spki, ...over }, sequence),
    heartbeat: (sequence, over = {}) => signed(HEARTBEAT_STREAM, { ...seedHeartbeat(name), ...over }, sequence),
  };
}

/** The seed's own example, with the fields that its program adds. */
export function seedRegistration(name: string, wallet: string) {
  return {
    provider_id: name,
    wallet_addr: wallet,
    spec: {
      hostname: "gpu-server-01",
      os: "Ubuntu 22.04",
      public_ip: "198.51.100.7",
      total_gpus: 4,
      gpus: [{ name: "NVIDIA GeForce RTX 4090", memory: 24_576 }],
      cpu_cores: 32,
      total_memory_mb: 131_072,
      available_disk_gb: 500,
    },
    capacity: { gpu_price_per_hour: 0.5 },
  };
}

export function seedHeartbeat(name: string) {
  return {
    provider_id: name,
    node_name: name,
    status: "available",
    gpu_usage: [{ index: 0, utilization: 37.5, memory_used_mb: 8_192 }],
    cpu_usage: 12.5,
    memory_usage: 50,
    active_jobs: 0,
    timestamp: new Date().toISOString(),
  };
}

export async function add(redis: Redis, stream: string, fields: Fields): Promise<string> {
  return String(await redis.call("XADD", stream, "*", ...Object.entries(fields).flat()));
}

/** What a machine was answered so far. */
export async function responsesOf(redis: Redis, name: string): Promise<StreamResponse[]> {
  const entries = await redis.xrange(responseStream(name), "-", "+");
  return entries.map(([, fields]) => JSON.parse(fields[fields.indexOf("data") + 1] ?? "null"));
}

/** A cluster that machines may join; what the streams do never asks it anything. */
export const someCluster: Nodes = {
  prepare: () => unasked(),
  issueToken: () => unasked(),
  revokeToken: () => unasked(),
  requests: () => unasked(),
  approve: () => unasked(),
  refuse: () => unasked(),
  find: () => unasked(),
  list: () => unasked(),
  mark: () => unasked(),
  watch: () => unasked(),
};

function unasked(): never {
  throw new Error("the streams have nothing to ask the cluster");
}
