// The one place where ports get their adapters: each main calls it once, before it listens.
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { USD } from "../domain/money/micros.ts";
import { createWallets } from "./adapters/chain/wallets.ts";
import { agentCluster } from "./adapters/cluster/agent/agent-cluster.ts";
import { agentInside } from "./adapters/cluster/agent/agent-inside.ts";
import { clusterVersion } from "./adapters/cluster/kubernetes/alive.ts";
import { kubernetesBatchPods } from "./adapters/cluster/kubernetes/batch/batch-pods.ts";
import { kubernetesInside } from "./adapters/cluster/kubernetes/inside/kubernetes-inside.ts";
import { kubernetesNodes } from "./adapters/cluster/kubernetes/nodes/kubernetes.ts";
import { kubernetesCluster } from "./adapters/cluster/kubernetes/pods/kubernetes-cluster.ts";
import { backingOf, openQueue } from "./adapters/queue/bullmq.ts";
import { answering } from "./adapters/system/answering.ts";
import { databaseClock } from "./adapters/system/clock.ts";
import { systemIds } from "./adapters/system/ids.ts";
import { keepStatements } from "./adapters/system/kept-statements.ts";
import { secretBox } from "./adapters/system/secret-box.ts";
import { ssh } from "./adapters/system/ssh.ts";
import { postgresWakes } from "./adapters/wakes/postgres-wakes.ts";
import { blockListOf } from "./cidr.ts";
import type { Db, Deps } from "./deps.ts";
import type { Env } from "./env.ts";
import { createLog } from "./log.ts";
import { clusterTally, metrics } from "./metrics.ts";
import { agentStore } from "./repos/agent-store.ts";
import { logStore } from "./repos/logs.ts";
import { VERSION } from "./version.ts";

const WELCOME_PROMOTION = 25n * USD;
const POOL_SIZE = 20;
/** A database that is away is looked for again this soon; postgres.js' own rule grows to 20 s, and requests wait for it. */
const RECONNECT_SECONDS = 0.25;
const CONNECT_TIMEOUT_SECONDS = 5;

export interface Runtime {
  readonly deps: Deps;
  /** Closes what it opened, in the reverse order. */
  close(): Promise<void>;
}

/** @param name of the process in the logs: web or worker */
export async function createRuntime(env: Env, name: string): Promise<Runtime> {
  const log = createLog(name);
  const client = postgres(env.databaseUrl, {
    max: POOL_SIZE,
    onnotice: () => {},
    backoff: () => RECONNECT_SECONDS,
    connect_timeout: CONNECT_TIMEOUT_SECONDS,
    // Statements are kept, their plans are not: they would be of tables as they were, such as empty ones.
    connection: { application_name: `berth-${name}`, plan_cache_mode: "force_custom_plan" },
  });
  const db: Db = drizzle(keepStatements(client));
  const clock = await databaseClock(client);
  const queue = openQueue({ ...backingOf(env), log, onLost: (ring) => metrics.ringsLost.inc({ ring }) });
  const wakes = await postgresWakes(env.databaseUrl, log);
  const secrets = secretBox(env.secretKey);
  const inside = agentInside({ logs: logStore(db), wakes, log, providerAddresses: blockListOf(env.providerCidrs) });
  const deps: Deps = {
    db,
    clock,
    ids: systemIds(clock),
    random: Math.random,
    queue,
    nodes: env.kubernetes && kubernetesNodes({ ...env.kubernetes, log, tally: clusterTally }),
    pods: env.kubernetes && kubernetesCluster({ ...env.kubernetes, clock, log, tally: clusterTally }),
    batchPods: env.kubernetes && kubernetesBatchPods({ ...env.kubernetes, clock, log, tally: clusterTally }),
    answers: {
      queue: answering(() => queue.counts()),
      cluster: env.kubernetes && answering(clusterVersion(env.kubernetes.kubeconfig)),
    },
    cluster: agentCluster(agentStore(db, secrets)),
    inside: {
      agent: inside,
      pods: env.kubernetes && kubernetesInside({ kubeconfig: env.kubernetes.kubeconfig, log }),
    },
    secrets,
    ssh,
    wallets: createWallets(env.chainRpcUrl),
    wakes,
    log,
    settings: {
      version: VERSION,
      demo: env.demo,
      publicUrl: env.publicUrl,
      platformFeeBps: env.platformFeeBps,
      anonymousAccount: env.anonymousAccount,
      operators: env.operators,
      welcomePromotion: env.demo ? WELCOME_PROMOTION : 0n,
      admission: env.admission,
      tenantMaxGpus: env.kubernetes?.tenantMaxGpus ?? 0,
      labelPrefix: env.kubernetes?.labelPrefix ?? "berth.dev",
      workspaceRegistry: env.workspaceRegistry,
      appsDomain: env.appsDomain,
      allowUnsignedStreams: env.allowUnsignedStreams,
      walletConnectProjectId: env.walletConnectProjectId,
    },
  };
  return {
    deps,
    async close() {
      inside.close();
      await queue.close();
      await wakes.close();
      clock.close();
      await client.end({ timeout: 5 });
    },
  };
}
