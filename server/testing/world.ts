// A small world for tests: real PostgreSQL, a clock that stands still, a cluster and a doorbell to look into.
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { walletPrincipal } from "../../domain/account/principal.ts";
import type { ExecutionSpec, Observed } from "../../domain/execution/spec.ts";
import { type ExecutionId, isId, type ProviderId } from "../../domain/ids.ts";
import { accounts } from "../../drizzle/schema/account.ts";
import { gpus, providerPresence, providers } from "../../drizzle/schema/provider.ts";
import { systemIds } from "../adapters/system/ids.ts";
import { keepStatements } from "../adapters/system/kept-statements.ts";
import { secretBox } from "../adapters/system/secret-box.ts";
import { ssh } from "../adapters/system/ssh.ts";
import type { Clock, Cluster, Db, Deps, Ids, RingName, Rings } from "../deps.ts";
import { grantPromotion } from "../repos/ledger.ts";
import { recomputeOffers } from "../repos/offers.ts";
import { reconcileExecution } from "../usecases/execution/reconcile-execution.ts";
import type { TestDatabase } from "./database.ts";
import { ALL_ANSWER, NO_CHECKS, NOTHING_INSIDE, TEST_SECRET_KEY, TEST_SETTINGS } from "./settings.ts";

export const START = new Date("2026-06-01T12:00:00.000Z");
export const GPU_MODEL = "NVIDIA GeForce RTX 4090";

/** A cluster in memory: applies at once, answers when told to. */
export class MemoryCluster implements Cluster {
  readonly specs = new Map<ExecutionId, ExecutionSpec>();
  readonly seen = new Map<ExecutionId, Observed>();
  /** what a newly applied execution looks like */
  onApply: Observed = { state: "ready", endpoint: { host: "127.0.0.1", port: 30_022, user: "root" } };

  async apply(spec: ExecutionSpec): Promise<void> {
    this.specs.set(spec.id, spec);
    if (!this.seen.has(spec.id)) this.seen.set(spec.id, this.onApply);
  }
  async observe(id: ExecutionId): Promise<Observed> {
    return this.seen.get(id) ?? { state: "absent" };
  }
  async remove(id: ExecutionId): Promise<void> {
    this.specs.delete(id);
    this.seen.delete(id);
  }
  async list() {
    return [...this.seen].map(([id, observed]) => ({ id, observed }));
  }
}

export interface World extends AsyncDisposable {
  readonly deps: Deps & { readonly cluster: MemoryCluster };
  readonly db: Db;
  readonly url: string;
  readonly rings: { name: RingName; payload: Rings[RingName] }[];
  /** Moves the clock, in ms. */
  pass(ms: number): void;
  /** An account with promotion money, as a wallet principal. */
  customer(n: number, micros?: bigint): Promise<ReturnType<typeof walletPrincipal>>;
  /** A provider that is online, with GPUs of one model. */
  provider(over?: ProviderWish): Promise<ProviderId>;
  /** A beat of a provider, seen now. */
  beat(id: ProviderId): Promise<void>;
  /** Answers rings until none is left. */
  settleRings(): Promise<void>;
}

export interface ProviderWish {
  readonly name?: string;
  readonly gpus?: number;
  readonly model?: string;
  readonly perGpuHour?: bigint;
  readonly perCpuHour?: bigint;
  readonly cpuCores?: number;
  readonly sandboxed?: boolean;
  readonly owner?: string;
}

export function address(n: number): string {
  return `0x${n.toString(16).padStart(40, "0")}`;
}

export interface WorldGiven {
  /** a migrated one, where it is not a run of tests that has one */
  readonly database?: TestDatabase;
  /** where a world must be the same again */
  readonly idsOf?: (clock: Clock) => Ids;
}

/** Opens a world of its own database; dispose it after the file's tests. */
export async function openWorld(settings: Partial<Deps["settings"]> = {}, given: WorldGiven = {}): Promise<World> {
  // Read only there: it reaches into the runner of the tests.
  const database = given.database ?? (await (await import("./database.ts")).testDatabase());
  const client = postgres(database.url, { max: 20, onnotice: () => {} });
  const db: Db = drizzle(keepStatements(client));
  let now = START;
  let made = 0;
  const rings: World["rings"] = [];
  const cluster = new MemoryCluster();
  const clock = { now: () => now };
  const ids = (given.idsOf ?? systemIds)(clock);
  const deps = {
    db,
    clock,
    ids,
    random: NO_CHECKS,
    cluster,
    nodes: null,
    pods: null,
    batchPods: null,
    inside: NOTHING_INSIDE,
    answers: ALL_ANSWER,
    ssh,
    queue: {
      ring: async <N extends RingName>(name: N, payload: Rings[N]) => {
        rings.push({ name, payload });
      },
    },
    secrets: secretBox(TEST_SECRET_KEY),
    wallets: { signed: async () => false },
    wakes: { wait: async () => {}, subscribe: () => () => {} },
    log: { info: () => {}, warn: () => {}, error: () => {} },
    settings: { ...TEST_SETTINGS, ...settings },
  } satisfies Deps;

  const beat = async (id: ProviderId) => {
    await db
      .insert(providerPresence)
      .values({ providerId: id, lastSeenAt: now, seq: 1, report: [], reportedGeneration: 0, usage: {} })
      .onConflictDoUpdate({ target: providerPresence.providerId, set: { lastSeenAt: now } });
  };

  return {
    deps,
    db,
    url: database.url,
    rings,
    pass: (ms) => {
      now = new Date(now.getTime() + ms);
    },
    async customer(n, micros = 25_000_000n) {
      const account = address(n);
      await db.transaction(async (tx) => {
        await tx.insert(accounts).values({ address: account, createdAt: now });
        await grantPromotion(tx, ids, account, micros, now);
      });
      return walletPrincipal(account);
    },
    async provider(over = {}) {
      made += 1;
      const nth = made;
      const id = ids.next("prov");
      const owner = over.owner ?? address(1_000_000 + nth);
      await db.transaction(async (tx) => {
        await tx.insert(accounts).values({ address: owner, createdAt: now }).onConflictDoNothing();
        await tx.insert(providers).values({
          id,
          owner,
          name: over.name ?? `provider-${nth}`,
          region: "eu-north",
          host: "127.0.0.1",
          publicKey: `key-${nth}`,
          admission: "approved",
          presence: "online",
          reputation: 100,
          pricePerGpuHour: over.perGpuHour ?? 389_000n,
          pricePerCpuHour: over.perCpuHour ?? 10_000n,
          hostname: `machine-${nth}`,
          os: "Debian 12",
          architecture: "x64",
          cpuModel: "test",
          cpuCores: over.cpuCores ?? 128,
          memoryGb: 512,
          diskGb: 4_000,
          declared: true,
          sandboxed: over.sandboxed ?? true,
          runtime: "process",
          agentVersion: "test",
          createdAt: now,
        });
        const count = over.gpus ?? 4;
        if (count > 0)
          await tx.insert(gpus).values(
            Array.from({ length: count }, (_, index) => ({
              id: ids.next("gpu"),
              providerId: id,
              index,
              uuid: `GPU-${nth}-${index}`,
              model: over.model ?? GPU_MODEL,
              vramMb: 24_576,
              declared: true,
            })),
          );
        await recomputeOffers(tx, id);
      });
      await beat(id);
      return id;
    },
    beat,
    async settleRings() {
      for (let rung = rings.shift(); rung; rung = rings.shift()) {
        const { id } = rung.payload;
        if (id && isId("exec", id)) await reconcileExecution(deps, id);
      }
    },
    async [Symbol.asyncDispose]() {
      await client.end({ timeout: 5 });
      await database.close();
    },
  };
}
