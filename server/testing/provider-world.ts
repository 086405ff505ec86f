// A small world for tests about providers: a real database, a clock that stands still, rings that are written down.
import { createHash, randomBytes } from "node:crypto";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import type { ExecutionStatus } from "../../domain/execution/state.ts";
import { type ExecutionId, formatId, type ProviderId } from "../../domain/ids.ts";
import type { Admission, Drain, Presence, Runtime } from "../../domain/provider/state.ts";
import { accounts } from "../../drizzle/schema/account.ts";
import { executions, jobs } from "../../drizzle/schema/job.ts";
import { gpus, providers } from "../../drizzle/schema/provider.ts";
import type { Db, Deps } from "../deps.ts";
import { recomputeOffers } from "../repos/offers.ts";
import { testDatabase } from "./database.ts";
import { ALL_ANSWER, NO_CHECKS, NOTHING_INSIDE } from "./settings.ts";

export const OWNER = "0x00000000000000000000000000000000000000aa";
export const RENTER = "0x00000000000000000000000000000000000000bb";
export const START = new Date("2026-01-01T00:00:00.000Z");

export interface GivenProvider {
  readonly name?: string;
  readonly owner?: string;
  readonly admission?: Admission;
  readonly presence?: Presence;
  readonly drain?: Drain;
  readonly runtime?: Runtime;
  readonly region?: string;
  readonly reputation?: number;
  readonly cpuCores?: number;
  readonly memoryGb?: number;
  readonly diskGb?: number;
  readonly sandboxed?: boolean;
  readonly perGpuHour?: bigint;
  readonly perCpuHour?: bigint;
  /** one GPU each */
  readonly models?: readonly string[];
}

export interface GivenExecution {
  readonly providerId: ProviderId;
  readonly status?: ExecutionStatus;
  readonly cpuCores?: number;
  readonly memoryGb?: number;
  readonly diskGb?: number;
}

export type ProviderWorld = Awaited<ReturnType<typeof providerWorld>>;

/** Call it in a file's `beforeAll`, `close()` it in `afterAll`, and `empty()` it before each test. */
export async function providerWorld() {
  const database = await testDatabase();
  let statements = 0;
  const client = postgres(database.url, {
    ...{ max: 8, onnotice: () => {} },
    // Not what the driver asks on each connection that it opens: how many it opens depends on how busy the machine is.
    debug: (_connection, query) => {
      if (!query.includes("pg_catalog.pg_type")) statements++;
    },
  });
  const db: Db = drizzle(client);
  let now = START.getTime();
  let made = 0;
  const rings: (ExecutionId | ProviderId)[] = [];
  const listeners = new Map<string, Set<() => void>>();
  await client.listen("berth", (topic) => {
    for (const wake of listeners.get(topic) ?? []) wake();
  });
  function subscribe(topic: string, onWake: () => void): () => void {
    const all = listeners.get(topic) ?? new Set();
    listeners.set(topic, all.add(onWake));
    return () => all.delete(onWake);
  }

  const ids: Deps["ids"] = {
    next: (prefix) => formatId(prefix, now + made++, randomBytes(10)),
    secret: (bytes) => randomBytes(bytes).toString("base64url"),
  };
  const refuse = () => {
    throw new Error("not part of this world");
  };
  const deps: Deps = {
    db,
    clock: { now: () => new Date(now) },
    ids,
    random: NO_CHECKS,
    queue: { ring: async (_name, { id }) => void rings.push(id) },
    nodes: null,
    pods: null,
    batchPods: null,
    inside: NOTHING_INSIDE,
    answers: ALL_ANSWER,
    cluster: { apply: refuse, observe: refuse, remove: refuse, list: refuse },
    // Sealing twice never gives the same text, as in the real box.
    secrets: {
      seal: (plain) => `${ids.secret(6)}.${Buffer.from(plain).toString("base64url")}`,
      open: (sealed) => Buffer.from(sealed.split(".")[1] ?? "", "base64url").toString(),
    },
    ssh: { parsePublicKey: refuse, newHostKey: refuse },
    wallets: { signed: refuse },
    wakes: {
      subscribe,
      wait: (topic, ms, signal) =>
        new Promise((resolve) => {
          const done = () => {
            clearTimeout(timer);
            stop();
            resolve();
          };
          const timer = setTimeout(done, ms);
          const stop = subscribe(topic, done);
          signal?.addEventListener("abort", done);
        }),
    },
    log: { info: () => {}, warn: () => {}, error: () => {} },
    settings: {
      version: "0.0.0",
      demo: true,
      publicUrl: "http://127.0.0.1:8080",
      platformFeeBps: 1000,
      anonymousAccount: null,
      operators: [],
      welcomePromotion: 0n,
      admission: { agent: "automatic", node: "manual" },
      tenantMaxGpus: 8,
      labelPrefix: "berth.dev",
      workspaceRegistry: "localhost",
      allowUnsignedStreams: false,
      appsDomain: null,
      walletConnectProjectId: null,
    },
  };

  return {
    url: database.url,
    db,
    deps,
    rings,
    /** how many statements were sent since the world began, but for the driver's own */
    statements: () => statements,
    setTime: (at: Date) => {
      now = at.getTime();
    },
    pass: (ms: number) => {
      now += ms;
    },
    async empty() {
      now = START.getTime();
      rings.length = 0;
      await db.execute(sql`truncate accounts, providers, downtimes, maintenance_windows, provider_samples, provider_nodes, appeals,
        saved_searches, alerts, gpus, offers, provider_presence, desired_executions, executions,
        jobs, holds, listening, reputation_events, enrolment_tokens, events restart identity cascade`);
      const createdAt = START;
      await db.insert(accounts).values([OWNER, RENTER].map((address) => ({ address, createdAt })));
    },
    async provider(given: GivenProvider = {}): Promise<ProviderId> {
      const id = ids.next("prov");
      await db.transaction(async (tx) => {
        await tx.insert(providers).values({
          id,
          owner: given.owner ?? OWNER,
          name: given.name ?? `machine-${made++}`,
          region: given.region ?? "eu-north",
          host: "203.0.113.7",
          publicKey: createHash("sha256").update(id).digest("base64"),
          admission: given.admission ?? "approved",
          presence: given.presence ?? "online",
          drain: given.drain ?? "none",
          reputation: given.reputation ?? 100,
          pricePerGpuHour: given.perGpuHour ?? 400_000n,
          pricePerCpuHour: given.perCpuHour ?? 10_000n,
          hostname: "machine",
          os: "Debian 12",
          architecture: "x86_64",
          cpuModel: "some cpu",
          cpuCores: given.cpuCores ?? 32,
          memoryGb: given.memoryGb ?? 128,
          diskGb: given.diskGb ?? 1000,
          declared: true,
          sandboxed: given.sandboxed ?? true,
          runtime: given.runtime ?? "process",
          agentVersion: "0.1.0",
          createdAt: START,
        });
        const models = given.models ?? ["RTX 4090", "RTX 4090"];
        if (models.length > 0)
          await tx.insert(gpus).values(
            models.map((model, index) => ({
              id: ids.next("gpu"),
              providerId: id,
              index,
              uuid: `GPU-${id}-${index}`,
              model,
              vramMb: 24_576,
              driver: "555.1",
              declared: true,
            })),
          );
        await recomputeOffers(tx, id);
      });
      return id;
    },
    async execution(given: GivenExecution): Promise<ExecutionId> {
      const [jobId, id] = [ids.next("job"), ids.next("exec")];
      const size = { cpuCores: given.cpuCores ?? 4, memoryGb: given.memoryGb ?? 16, diskGb: given.diskGb ?? 50 };
      await db.insert(jobs).values({
        id: jobId,
        account: RENTER,
        kind: "rental",
        name: "a rental",
        executionId: id,
        pinned: false,
        anonymous: false,
        gpuCount: 0,
        ...size,
        image: "ubuntu",
        hours: 1,
        rate: 1n,
        sealedEnv: "",
        sshPublicKeys: [],
        sealedHostKey: "",
        hostKeyPublic: "",
        hostKeyFingerprint: "",
        createdAt: START,
      });
      await db.insert(executions).values({
        id,
        jobId,
        providerId: given.providerId,
        attempt: 1,
        desired: "run",
        status: given.status ?? "running",
        ...size,
        createdAt: START,
      });
      return id;
    },
    async close() {
      await client.end({ timeout: 5 });
      await database.close();
    },
  };
}
