// A world whose executions are pods of the real cluster: of tenants and a prefix of their own, and everything taken back.
import { randomBytes } from "node:crypto";
import { desc, eq, inArray } from "drizzle-orm";
import { expect } from "vitest";
import type { Principal } from "../../domain/account/principal.ts";
import type { ExecutionId, JobId, ProviderId } from "../../domain/ids.ts";
import { REASONS } from "../../domain/job/reasons.ts";
import type { RentWish } from "../../domain/job/wish.ts";
import { charge } from "../../domain/money/charge.ts";
import { formatMicros } from "../../domain/money/micros.ts";
import { executions, jobs } from "../../drizzle/schema/job.ts";
import { providerNodes, providers } from "../../drizzle/schema/provider.ts";
import type { Ask } from "../adapters/cluster/kubernetes/pods/door.ts";
import { kubernetesCluster } from "../adapters/cluster/kubernetes/pods/kubernetes-cluster.ts";
import { keysOf, namespaceOf, podName } from "../adapters/cluster/kubernetes/pods/names.ts";
import type { Deps } from "../deps.ts";
import { LIVE_STATUSES } from "../repos/executions.ts";
import { recomputeOffers } from "../repos/offers.ts";
import { reconcileExecution } from "../usecases/execution/reconcile-execution.ts";
import { getJob } from "../usecases/job/get-job.ts";
import { rentGpu } from "../usecases/job/rent-gpu.ts";
import { TEST_KUBECONFIG, testCluster } from "./kubernetes.ts";
import { expectSound } from "./sound.ts";
import { sshClient } from "./ssh.ts";
import { GPU_MODEL, openWorld } from "./world.ts";

const PATIENCE_MS = 120_000;
const LOOKS_EVERY_MS = 200;

export type PodsWorld = Awaited<ReturnType<typeof podsWorld>>;
export interface Let {
  readonly renter: Principal;
  readonly jobId: JobId;
  readonly executionId: ExecutionId;
  /** of its pod, its service and its secrets */
  readonly at: { readonly name: string; readonly namespace: string };
}

export async function podsWorld() {
  const prefix = `${randomBytes(4).toString("hex")}.berth.test`;
  const world = await openWorld();
  const kube = testCluster();
  const client = await sshClient();
  const tenants: string[] = [];
  let aheadMs = 0;
  let skippedMs = 0;
  const clock = { now: () => new Date(Date.now() + aheadMs) };
  /** As a worker that starts anew has it: with nothing remembered. */
  const newCluster = (ask?: Ask) =>
    kubernetesCluster({
      ...{ kubeconfig: TEST_KUBECONFIG, labelPrefix: prefix, tenantMaxGpus: 8, ownCidrs: [], runtimeClass: null },
      ...{ clock, log: world.deps.log, elapsedMs: () => performance.now() + skippedMs, ...(ask ? { ask } : {}) },
    });
  const deps: Deps = {
    ...world.deps,
    clock,
    settings: { ...world.deps.settings, tenantMaxGpus: 8, labelPrefix: prefix },
    pods: newCluster(),
  };
  const rowOf = async (jobId: JobId) => {
    const [row] = await world.db
      .select({ execution: executions, job: jobs })
      .from(executions)
      .innerJoin(jobs, eq(jobs.id, executions.jobId))
      .where(eq(executions.jobId, jobId))
      .orderBy(desc(executions.attempt));
    if (!row) throw new Error(`${jobId} has no execution`);
    return row;
  };
  type Row = Awaited<ReturnType<typeof rowOf>>;

  /** Reconciles as rings would until the row is as wanted. */
  async function look(jobId: JobId, isThere: (row: Row) => boolean, over: Partial<Deps> = {}): Promise<Row> {
    for (const end = Date.now() + PATIENCE_MS; ; ) {
      const row = await rowOf(jobId);
      if (isThere(row)) return row;
      if (Date.now() > end) throw new Error(`${jobId} stays ${row.execution.status}`);
      await reconcileExecution({ ...deps, ...over }, row.execution.id).catch((error: unknown) => {
        if (Date.now() > end) throw error; // the sweep is the retry of a ring that failed
      });
      await new Promise((resolve) => setTimeout(resolve, LOOKS_EVERY_MS));
    }
  }

  return {
    ...{ world, db: world.db, kube, client, deps, prefix, newCluster, rowOf, look },
    /** Time passes for what is measured by the process's own clock. */
    skip(ms: number) {
      skippedMs += ms;
    },
    /** The database's clock is so far ahead of the cluster's. */
    ahead(ms: number) {
      aheadMs = ms;
    },
    /** A provider whose machine is a node of the cluster. */
    async provider(nodeName: string, over: Partial<typeof providers.$inferInsert> = {}): Promise<ProviderId> {
      const id = await world.provider({ gpus: 4 });
      await world.db.transaction(async (tx) => {
        await tx
          .update(providers)
          .set({ runtime: "kubernetes", ...over })
          .where(eq(providers.id, id));
        await tx.insert(providerNodes).values({ providerId: id, nodeName, ready: true, seenAt: clock.now() });
        await recomputeOffers(tx, id);
      });
      return id;
    },
    async rent(providerId: ProviderId, over: Partial<RentWish> = {}): Promise<Let> {
      const renter = await world.customer(Number.parseInt(randomBytes(5).toString("hex"), 16));
      tenants.push(renter.account);
      const rented = await rentGpu(
        deps,
        renter,
        {
          ...{
            name: "pod",
            providerId,
            gpuModel: GPU_MODEL,
            gpuCount: 1,
            cpuCores: 1,
            memoryGb: 1,
            diskGb: 1,
            hours: 1,
          },
          ...{
            maxRate: null,
            image: "localhost/debian:12",
            template: null,
            minVramMb: 0,
            command: null,
            httpPort: null,
          },
          ...{ env: {}, sshPublicKeys: [client.publicKey], ...over },
        },
        { key: null, request: null },
      );
      return {
        ...{ renter, ...rented },
        at: { name: podName(rented.executionId), namespace: namespaceOf(renter.account) },
      };
    },
    async running({ jobId }: Let): Promise<Row> {
      return look(jobId, ({ execution }) => {
        if (execution.reason) throw new Error(`it ended: ${execution.reason}`);
        return execution.status === "running";
      });
    },
    async shell({ renter, jobId }: Let, script: string): Promise<string> {
      const { ssh } = await getJob(deps, renter, jobId);
      if (!ssh) throw new Error("no SSH line");
      return client.ssh(ssh.port, ssh.host_key, script);
    },
    /** Waits for its end. @returns why, whose fault, what it cost; and that the bill is for its life and nothing else */
    async end({ jobId, renter }: Let) {
      const { execution, job } = await look(jobId, (row) => row.job.settledAt !== null);
      const { startedAt, endedAt, reason } = execution;
      if (!endedAt || !reason) throw new Error("an end without a time or a reason");
      const cost = (await getJob(deps, renter, jobId)).cost_so_far;
      expect(cost).toBe(formatMicros(startedAt ? charge(job.rate, startedAt, endedAt, execution.outageMs) : 0n));
      expect(endedAt >= (startedAt ?? execution.createdAt) && endedAt <= clock.now()).toBe(true);
      expect(await expectSound(world.db)).toEqual([]);
      const { fault } = REASONS[reason];
      return { ...{ reason, fault, ran: startedAt !== null, status: execution.status, exitCode: execution.exitCode } };
    },
    /**
     * Stops what is left, removes every pod of this world and waits until the node has its cores back.
     * @param withoutKubelet nobody confirms there that a pod is gone, and no row waits for it
     */
    async clear({ withoutKubelet = false } = {}): Promise<void> {
      await world.db.update(executions).set({ desired: "stop" }).where(inArray(executions.status, LIVE_STATUSES));
      for (const { id } of (await deps.pods?.list()) ?? []) await deps.pods?.remove(id);
      const labelSelector = keysOf(prefix).execution;
      for (const end = Date.now() + PATIENCE_MS; ; ) {
        const { items } = await kube.core.listPodForAllNamespaces({ labelSelector });
        if (withoutKubelet)
          for (const { metadata } of items)
            await kube.core
              .deleteNamespacedPod({
                ...{ name: metadata?.name ?? "", namespace: metadata?.namespace ?? "", gracePeriodSeconds: 0 },
              })
              .catch(() => {});
        const live = withoutKubelet
          ? []
          : await world.db.select().from(executions).where(eq(executions.settled, false));
        if (items.length + live.length === 0) return;
        if (Date.now() > end) throw new Error(`${items.length} pods and ${live.length} executions stay`);
        for (const { id } of live)
          await reconcileExecution(deps, id).catch((error: unknown) => {
            if (Date.now() > end) throw error; // looked at again, as a sweep would
          });
        await new Promise((resolve) => setTimeout(resolve, LOOKS_EVERY_MS));
      }
    },
    async close(): Promise<void> {
      for (const account of tenants) await kube.core.deleteNamespace({ name: namespaceOf(account) }).catch(() => {});
      await kube.close();
      await client.close();
      await world[Symbol.asyncDispose]();
    },
  };
}
