// The demo's five providers, each of a wallet of its own, and the same trip every provider takes to enrol:
// log in with the wallet over REST, ask for a token, hand it to the agent.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Hex, isHex } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { z } from "zod";
import { readPrivate, writePrivate } from "./secrets.ts";

export interface DemoProvider {
  readonly name: string;
  readonly region: string;
  /** As `--declare-gpus` wants it: count, model, memory in MB. */
  readonly gpus: string;
  /** USD, 6 places. */
  readonly pricePerGpuHour: string;
  readonly pricePerCpuHour: string;
  readonly cpus: number;
  readonly memoryGb: number;
  readonly diskGb: number;
}

export const DEMO_PROVIDERS: readonly DemoProvider[] = [
  {
    name: "skagerrak-04",
    region: "eu-north",
    gpus: "4x NVIDIA GeForce RTX 4090:24576",
    pricePerGpuHour: "0.389000",
    pricePerCpuHour: "0.010000",
    cpus: 32,
    memoryGb: 128,
    diskGb: 1000,
  },
  {
    name: "finisterre-11",
    region: "eu-west",
    gpus: "8x NVIDIA L40S:46068",
    pricePerGpuHour: "0.790000",
    pricePerCpuHour: "0.012000",
    cpus: 96,
    memoryGb: 512,
    diskGb: 4000,
  },
  {
    name: "dogger-02",
    region: "eu-west",
    gpus: "2x NVIDIA GeForce RTX 3090:24576",
    pricePerGpuHour: "0.212000",
    pricePerCpuHour: "0.008000",
    cpus: 16,
    memoryGb: 64,
    diskGb: 500,
  },
  {
    name: "lundy-07",
    region: "us-east",
    gpus: "4x NVIDIA A100-SXM4-80GB:81920",
    pricePerGpuHour: "1.290000",
    pricePerCpuHour: "0.014000",
    cpus: 64,
    memoryGb: 512,
    diskGb: 4000,
  },
  {
    name: "fastnet-01",
    region: "us-west",
    gpus: "1x NVIDIA H100 80GB HBM3:81559",
    pricePerGpuHour: "2.290000",
    pricePerCpuHour: "0.016000",
    cpus: 26,
    memoryGb: 200,
    diskGb: 2000,
  },
];

const TypedData = z.object({
  domain: z.record(z.string(), z.unknown()),
  types: z.record(z.string(), z.array(z.object({ name: z.string(), type: z.string() }))),
  primaryType: z.string(),
  message: z.record(z.string(), z.unknown()),
});

/** Signs EIP-712 typed data as it came over the wire (numbers as decimal strings). */
export async function signTypedData(key: Hex, wire: unknown): Promise<Hex> {
  return privateKeyToAccount(key).signTypedData(TypedData.parse(wire));
}

/** Where a provider's agent keeps its key and its number. */
export function agentDir(dataDir: string, provider: DemoProvider): string {
  return join(dataDir, "agents", provider.name);
}

/** The agent's command line; with a token where its machine is not enrolled yet. */
export async function agentArguments(
  provider: DemoProvider,
  dataDir: string,
  broker: string,
  runtime: "process" | "docker",
): Promise<string[]> {
  const home = agentDir(dataDir, provider);
  const enrolled = existsSync(join(home, "provider.json"));
  const token = enrolled ? [] : ["--token", await enrolmentToken(await walletOf(provider, dataDir), broker)];
  return [
    "start",
    ...["--broker", broker, ...token, "--data-dir", home, "--name", provider.name, "--region", provider.region],
    ...["--host", "127.0.0.1"],
    ...["--price-per-gpu-hour", provider.pricePerGpuHour, "--price-per-cpu-hour", provider.pricePerCpuHour],
    ...["--declare-gpus", provider.gpus, "--declare-cpus", String(provider.cpus)],
    ...["--declare-memory-gb", String(provider.memoryGb), "--declare-disk-gb", String(provider.diskGb)],
    ...["--runtime", runtime, "--stop-executions-on-exit"],
  ];
}

async function walletOf(provider: DemoProvider, dataDir: string): Promise<Hex> {
  const path = join(dataDir, "wallets", `${provider.name}.key`);
  const stored = (await readPrivate(path))?.trim();
  if (isHex(stored)) return stored;
  const drawn = generatePrivateKey();
  await writePrivate(path, `${drawn}\n`);
  return drawn;
}

/** Logs in with a wallet and asks for a token that enrols one machine for it. */
export async function enrolmentToken(key: Hex, broker: string): Promise<string> {
  const address = privateKeyToAccount(key).address;
  const nonce = await post(
    broker,
    "/auth/nonce",
    { address },
    z.object({ nonce: z.string(), typed_data: z.unknown() }),
  );
  const signature = await signTypedData(key, nonce.typed_data);
  const session = await post(
    broker,
    "/auth/login",
    { address, nonce: nonce.nonce, signature },
    z.object({ token: z.string() }),
  );
  const enrolment = await post(
    broker,
    "/providers/enrolment-tokens",
    {},
    z.object({ token: z.string() }),
    session.token,
  );
  return enrolment.token;
}

async function post<S extends z.ZodType>(broker: string, path: string, body: unknown, reply: S, token?: string) {
  const response = await fetch(`${broker}/api/v1${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(15_000),
  });
  if (!response.ok) throw new Error(`POST ${path} answered ${response.status}: ${await response.text()}`);
  return reply.parse(await response.json());
}
