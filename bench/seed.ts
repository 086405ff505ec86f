// Worlds to measure in: providers that are online with GPUs and offers, and customers with money.
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { type Principal, walletPrincipal } from "../domain/account/principal.ts";
import type { ProviderId } from "../domain/ids.ts";
import { USD } from "../domain/money/micros.ts";
import { accounts } from "../drizzle/schema/account.ts";
import { gpus, providerPresence, providers } from "../drizzle/schema/provider.ts";
import type { Deps } from "../server/deps.ts";
import { grantPromotion } from "../server/repos/ledger.ts";
import { recomputeOffers } from "../server/repos/offers.ts";

export const MODELS = [
  ["NVIDIA GeForce RTX 4090", 24_576],
  ["NVIDIA H100 80GB HBM3", 81_559],
  ["NVIDIA A100-SXM4-80GB", 81_920],
  ["NVIDIA L40S", 46_068],
  ["NVIDIA GeForce RTX 3090", 24_576],
] as const;
export const REGIONS = ["eu-north", "eu-west", "us-east", "us-west", "ap-east"] as const;
export const MACHINE = {
  os: "Debian 12",
  architecture: "x64",
  cpuModel: "bench",
  cpuCores: 64,
  memoryGb: 512,
  diskGb: 4_000,
  runtime: "process",
} as const;

export interface SeededProvider {
  readonly id: ProviderId;
  readonly hostname: string;
  readonly privateKey: KeyObject;
  readonly gpus: readonly { readonly uuid: string; readonly model: string; readonly vramMb: number }[];
}

const CHUNK = 250;

/**
 * Providers with GPUs of one model each; every one makes two offers, its GPUs and its cores.
 * @param offers false where nobody looks for them
 */
export async function seedProviders(
  deps: Deps,
  count: number,
  gpusEach: number,
  { offers = true }: { readonly offers?: boolean } = {},
): Promise<SeededProvider[]> {
  const owner = address(9_000_000);
  const now = deps.clock.now();
  await deps.db.insert(accounts).values({ address: owner, createdAt: now });
  const seeded: SeededProvider[] = [];
  for (let from = 0; from < count; from += CHUNK) {
    const chunk = Array.from({ length: Math.min(CHUNK, count - from) }, (_, i) => provider(deps, from + i, gpusEach));
    await deps.db.transaction(async (tx) => {
      await tx.insert(providers).values(chunk.map(({ row }) => ({ ...row, owner, createdAt: now })));
      await tx.insert(gpus).values(chunk.flatMap((one) => one.gpuRows));
      await tx.insert(providerPresence).values(
        chunk.map(({ row }) => ({
          ...{ providerId: row.id, lastSeenAt: now, seq: 1, report: [], reportedGeneration: 0, usage: {} },
        })),
      );
      if (offers) for (const { row } of chunk) await recomputeOffers(tx, row.id);
    });
    seeded.push(...chunk.map((one) => one.seeded));
  }
  return seeded;
}

function provider(deps: Deps, n: number, gpusEach: number) {
  const id = deps.ids.next("prov");
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const [model, vramMb] = MODELS[n % MODELS.length] ?? MODELS[0];
  const hostname = `machine-${n}`;
  const gpuRows = Array.from({ length: gpusEach }, (_, index) => ({
    ...{ id: deps.ids.next("gpu"), providerId: id, index, uuid: `GPU-${n}-${index}`, model, vramMb, declared: true },
  }));
  const row = {
    ...MACHINE,
    id,
    name: hostname,
    region: REGIONS[n % REGIONS.length] ?? REGIONS[0],
    host: "127.0.0.1",
    publicKey: publicKey.export({ format: "der", type: "spki" }).toString("base64"),
    admission: "approved" as const,
    presence: "online" as const,
    reputation: 100 + (n % 400),
    pricePerGpuHour: 200_000n + BigInt(n % 997) * 1_000n,
    pricePerCpuHour: 8_000n + BigInt(n % 89) * 100n,
    hostname,
    declared: gpusEach > 0,
    sandboxed: true,
    runtime: "process" as const,
    agentVersion: "bench",
  };
  return { row, gpuRows, seeded: { id, hostname, privateKey, gpus: gpuRows } satisfies SeededProvider };
}

/** Accounts with a million dollars of promotion each. */
export async function seedCustomers(deps: Deps, count: number): Promise<Principal[]> {
  const now = deps.clock.now();
  const made = Array.from({ length: count }, (_, n) => address(n + 1));
  for (const account of made)
    await deps.db.transaction(async (tx) => {
      await tx.insert(accounts).values({ address: account, createdAt: now });
      await grantPromotion(tx, deps.ids, account, 1_000_000n * USD, now);
    });
  return made.map((account) => walletPrincipal(account));
}

function address(n: number): string {
  return `0x${n.toString(16).padStart(40, "0")}`;
}
