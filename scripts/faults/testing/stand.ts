// A control plane of real processes on a real Kubernetes: so many webs and workers, and providers that are its nodes. What
// it made in the cluster carries a prefix of its own, and is taken back at the end; a later stand takes back what one
// that was killed left.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { CoreV1Api, KubeConfig, type V1Node } from "@kubernetes/client-node";
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import type { ProviderId } from "../../../domain/ids.ts";
import { accounts } from "../../../drizzle/schema/account.ts";
import { gpus, providerNodes, providers } from "../../../drizzle/schema/provider.ts";
import { MERGE } from "../../../server/adapters/cluster/kubernetes/api.ts";
import { systemIds } from "../../../server/adapters/system/ids.ts";
import type { Db } from "../../../server/deps.ts";
import { recomputeOffers } from "../../../server/repos/offers.ts";
import { freePort } from "../../embedded-postgres.ts";
import { GPU_MODEL } from "../machine.ts";
import { answers, type Program, program } from "../program.ts";

const OF_A_STAND = /^([0-9a-f]{8}\.stand\.berth\.test)\//;
const GONE_WITHIN_MS = 60_000;
const OWNER = `0x${"5".repeat(40)}`;

export interface StandOptions {
  /** migrated */
  readonly databaseUrl: string;
  /** for logs */
  readonly folder: string;
  readonly webs: number;
  readonly workers: number;
  /** what the processes are given; the stand itself always asks the cluster directly */
  readonly kubeconfig: string;
  /** what the webs are given, where that is another */
  readonly webKubeconfig?: string;
  /** an administrator's */
  readonly admin: string;
  readonly env?: NodeJS.ProcessEnv;
}

export interface NodeWish {
  readonly nodeName: string;
  readonly gpus: number;
  readonly cpuCores: number;
}

export interface Stand {
  readonly urls: readonly string[];
  readonly webs: readonly Program[];
  readonly workers: readonly Program[];
  readonly db: Db;
  readonly core: CoreV1Api;
  readonly config: KubeConfig;
  readonly prefix: string;
  logFile(name: "web" | "worker", n: number): string;
  /** A node of the cluster that takes pods, the first of them. */
  node(): Promise<V1Node>;
  /** Approves a node of the cluster, as it is, and puts it on the market. */
  provider(wish: NodeWish): Promise<ProviderId>;
  start(): Promise<void>;
  /** Ends the processes and takes back what was made in the cluster. Twice does no harm. */
  close(): Promise<void>;
}

export async function openStand({ databaseUrl, folder, kubeconfig, admin, ...wish }: StandOptions): Promise<Stand> {
  const config = new KubeConfig();
  config.loadFromFile(admin);
  const core = config.makeApiClient(CoreV1Api);
  await takeBack(core, OF_A_STAND);
  const prefix = `${randomBytes(4).toString("hex")}.stand.berth.test`;
  const ports = await Promise.all(Array.from({ length: wish.webs }, freePort));
  const urls = ports.map((port) => `http://127.0.0.1:${port}`);
  const { PATH, HOME } = process.env;
  const env: NodeJS.ProcessEnv = {
    ...{ PATH, HOME, NODE_ENV: "production", BERTH_DEMO: "1", TENANT_MAX_GPUS: "8", DATABASE_URL: databaseUrl },
    ...{ KUBECONFIG: kubeconfig, LABEL_PREFIX: prefix, ...wish.env },
  };
  const logFile = (name: "web" | "worker", n: number) => join(folder, `${name}-${n}.log`);
  const own = wish.webKubeconfig ? { KUBECONFIG: wish.webKubeconfig } : {};
  const webs = ports.map((port, n) =>
    program("web", logFile("web", n), { ...env, ...own, PORT: String(port) }, () => answers(`${urls[n]}/ready`)),
  );
  const workers = Array.from({ length: wish.workers }, (_, n) =>
    program("worker", logFile("worker", n), env, async (log) => log.includes("the worker runs")),
  );
  const client = postgres(databaseUrl, { max: 4, onnotice: () => {} });
  const db: Db = drizzle(client);
  const ids = systemIds({ now: () => new Date() });
  let closed: Promise<void> | undefined;

  async function close() {
    await Promise.all([...webs, ...workers].map((each) => each.end("SIGTERM")));
    await client.end({ timeout: 5 });
    await takeBack(core, new RegExp(`^(${prefix.replaceAll(".", "\\.")})/`));
  }

  return {
    ...{ urls, webs, workers, db, core, config, prefix, logFile },
    async node() {
      const found = (await core.listNode()).items.find(
        ({ spec, status }) =>
          !spec?.unschedulable && status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True"),
      );
      if (!found) throw new Error("the cluster has no node that takes pods");
      return found;
    },
    async provider({ nodeName, gpus: count, cpuCores }) {
      const id = ids.next("prov");
      const now = new Date();
      await db.transaction(async (tx) => {
        await tx.insert(accounts).values({ address: OWNER, createdAt: now }).onConflictDoNothing();
        await tx.insert(providers).values({
          ...{
            id,
            owner: OWNER,
            name: nodeName,
            region: "eu-north",
            host: "127.0.0.1",
            publicKey: id,
            reputation: 100,
          },
          ...{ admission: "approved", presence: "online", hostname: nodeName, os: "linux", architecture: "x64" },
          ...{ pricePerGpuHour: 389_000n, pricePerCpuHour: 10_000n, cpuModel: "stand", cpuCores, memoryGb: 4_096 },
          ...{ diskGb: 32_000, declared: count > 0, sandboxed: true, runtime: "kubernetes", agentVersion: "stand" },
          createdAt: now,
        });
        await tx
          .insert(providerNodes)
          .values({ providerId: id, nodeName, ready: true, seenAt: now, nextReconcileAt: now });
        if (count > 0)
          await tx.insert(gpus).values(
            Array.from({ length: count }, (_, index) => ({
              ...{ id: ids.next("gpu"), providerId: id, index, uuid: `GPU-${nodeName}-${index}`, model: GPU_MODEL },
              ...{ vramMb: 24_576, declared: true },
            })),
          );
        await recomputeOffers(tx, id);
      });
      return id;
    },
    async start() {
      await Promise.all([...webs, ...workers].map((each) => each.start()));
    },
    close() {
      closed ??= close();
      return closed;
    },
  };
}

/** Namespaces whose labels, and marks on nodes whose keys, carry such a prefix. Waits until their pods are gone. */
async function takeBack(core: CoreV1Api, ours: RegExp): Promise<void> {
  const carries = (record: Record<string, string> | undefined) =>
    Object.keys(record ?? {}).some((key) => ours.test(key));
  const namespaces = (await core.listNamespace()).items.filter(({ metadata }) => carries(metadata?.labels));
  const left = new Set(namespaces.map(({ metadata }) => metadata?.name ?? ""));
  for (const name of left) await core.deleteNamespace({ name }).catch(() => {});
  for (const { metadata, spec } of (await core.listNode()).items) {
    const taints = spec?.taints ?? [];
    const kept = taints.filter(({ key }) => !ours.test(`${key}`));
    if (kept.length === taints.length && !carries(metadata?.labels) && !carries(metadata?.annotations)) continue;
    const without = (record: Record<string, string> | undefined) =>
      Object.fromEntries(Object.keys(record ?? {}).flatMap((key) => (ours.test(key) ? [[key, null]] : [])));
    const marks = { labels: without(metadata?.labels), annotations: without(metadata?.annotations) };
    const body = { metadata: marks, spec: { taints: kept.length > 0 ? kept : null } };
    await core.patchNode({ name: metadata?.name ?? "", body }, MERGE);
  }
  for (const deadline = Date.now() + GONE_WITHIN_MS; left.size > 0 && Date.now() < deadline; ) {
    const there = new Set((await core.listNamespace()).items.map(({ metadata }) => metadata?.name));
    for (const name of left) if (!there.has(name)) left.delete(name);
    if (left.size > 0) await new Promise((wake) => setTimeout(wake, 500));
  }
}
