// What the fault tests on a real Kubernetes stand on: two webs and two workers on one database, the API server behind a
// door that can be shut, and its node on the market. And what the cluster and the database say of each other afterwards.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import { executionOf } from "../../../server/adapters/cluster/kubernetes/pods/names.ts";
import { TEST_KUBECONFIG } from "../../../server/testing/kubernetes.ts";
import { startPostgres } from "../../embedded-postgres.ts";
import { migrateDatabase } from "../../migrate.ts";
import { HOME } from "../home.ts";
import { type ApiProxy, openApiProxy, type ProxyOptions } from "./api-proxy.ts";
import { openStand, type Stand } from "./stand.ts";

export const IMAGE = "localhost/debian:12";

export interface KubernetesStack extends AsyncDisposable {
  readonly stand: Stand;
  readonly api: ApiProxy;
}

/** With the cluster's one node as a provider of `cpuCores`, started. */
export async function openKubernetesStack({
  cpuCores,
  gpus,
  ...options
}: ProxyOptions & { readonly cpuCores: number; readonly gpus: number }): Promise<KubernetesStack> {
  await mkdir(HOME, { recursive: true });
  const folder = await mkdtemp(join(HOME, `${process.pid}-`));
  const database = await startPostgres({ dataDir: join(folder, "data"), password: "test", durable: true });
  const closing: (() => Promise<unknown>)[] = [
    () => rm(folder, { recursive: true, force: true }),
    () => database.stop(),
  ];
  const close = async () => {
    for (const end of closing.splice(0).reverse()) await end();
  };
  try {
    await migrateDatabase(database.url);
    const api = await openApiProxy(TEST_KUBECONFIG, options);
    closing.push(() => api.close());
    const { url: databaseUrl } = database;
    const kubeconfigs = { kubeconfig: api.kubeconfig, admin: TEST_KUBECONFIG };
    const stand = await openStand({ databaseUrl, folder, ...kubeconfigs, webs: 2, workers: 2 });
    closing.push(() => stand.close());
    await stand.provider({ nodeName: (await stand.node()).metadata?.name ?? "", gpus, cpuCores });
    await stand.start();
    return { stand, api, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Where cluster and database do not say the same. */
export interface Discord {
  /** pods, Services and Secrets of executions that do not live */
  readonly leftBehind: readonly string[];
  /** live executions beyond `scheduled` without a pod */
  readonly podless: readonly string[];
  /** executions with more pods than one */
  readonly doubled: readonly string[];
}

export const HARMONY: Discord = { leftBehind: [], podless: [], doubled: [] };

export async function discord({ core, db, prefix }: Stand): Promise<Discord> {
  const labelSelector = `${prefix}/execution`;
  const [pods, services, secrets] = await Promise.all([
    core.listPodForAllNamespaces({ labelSelector }),
    core.listServiceForAllNamespaces({ labelSelector }),
    core.listSecretForAllNamespaces({ labelSelector }),
  ]);
  const rows = await db.execute<{ id: string; status: string }>(sql`select id, status from executions
    where status in ('scheduled','starting','running','unreachable','stopping')`);
  const live = new Set<string>(rows.map(({ id }) => id));
  const ownerOf = (labels: Record<string, string> | undefined) => executionOf(labels?.[labelSelector] ?? "") ?? "";
  const leftBehind = [...pods.items, ...services.items, ...secrets.items]
    .filter(({ metadata }) => !live.has(ownerOf(metadata?.labels)))
    .map(({ metadata }) => metadata?.name ?? "");
  const withPods: string[] = pods.items.map(({ metadata }) => ownerOf(metadata?.labels));
  return {
    leftBehind: leftBehind.sort(),
    podless: rows.flatMap(({ id, status }) => (status !== "scheduled" && !withPods.includes(id) ? [id] : [])),
    doubled: withPods.filter((id, n) => withPods.indexOf(id) !== n),
  };
}

/** @returns what is still in discord once nothing is, or after `withinMs` */
export async function discordWithin(stand: Stand, withinMs: number): Promise<Discord> {
  for (const deadline = Date.now() + withinMs; ; await sleep(500)) {
    const found = await discord(stand);
    if (Object.values(found).every(({ length }) => length === 0) || Date.now() > deadline) return found;
  }
}
