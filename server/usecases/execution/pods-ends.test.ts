// Ends of rentals on a node of a real Kubernetes, as its kubelet tells them: why, whose fault, and what they cost.
import { eq } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { ProviderId } from "../../../domain/ids.ts";
import { events } from "../../../drizzle/schema/event.ts";
import { executions } from "../../../drizzle/schema/job.ts";
import { providers } from "../../../drizzle/schema/provider.ts";
import { TEST_KUBECONFIG } from "../../testing/kubernetes.ts";
import { type Let, type PodsWorld, podsWorld } from "../../testing/pods-world.ts";
import { reconcileExecution } from "./reconcile-execution.ts";

let its: PodsWorld;
let node: string;
let provider: ProviderId;
const GONE = expect.stringMatching(/^(gone-from-provider|killed)$/);

/** A rental that runs. */
async function running(): Promise<Let> {
  const rental = await its.rent(provider);
  await its.running(rental);
  return rental;
}
/** Looks, lets the time of a wait pass, and waits for the end. */
async function endAfter(rental: Let, ms: number, isWaiting: () => Promise<boolean> = async () => true) {
  await its.look(rental.jobId, ({ execution }) => execution.status === "starting");
  await expect
    .poll(
      async () => {
        await reconcileExecution(its.deps, rental.executionId);
        return isWaiting();
      },
      { timeout: 60_000, interval: 300 },
    )
    .toBe(true);
  await reconcileExecution(its.deps, rental.executionId); // notes what it waits for
  its.skip(ms);
  return its.end(rental);
}
const waitingFor = (rental: Let, reason: RegExp) => async () => {
  const { status } = await its.kube.core.readNamespacedPod(rental.at);
  return reason.test(status?.containerStatuses?.[0]?.state?.waiting?.reason ?? "");
};
const told = async (rental: Let) =>
  (await its.db.select().from(events).where(eq(events.subject, rental.jobId))).map(({ message }) => message).join("\n");

describe.skipIf(TEST_KUBECONFIG === "")("a rental on a node of a real cluster", { timeout: 180_000 }, () => {
  beforeAll(async () => {
    its = await podsWorld();
    node = (await its.kube.core.listNode()).items.find(({ spec }) => !spec?.unschedulable)?.metadata?.name ?? "";
    provider = await its.provider(node);
  }, 120_000);
  afterEach(() => its.clear(), 130_000);
  afterAll(() => its.close(), 120_000);

  test("whose image has no name is its customer's, and costs nothing", async () => {
    const end = await its.end(await its.rent(provider, { image: "localhost/Nobody:Named:This" }));
    expect(end).toMatchObject({ reason: "image-not-found", fault: "customer", ran: false });
  });

  test("whose registry stays away is tried for a minute, and costs nothing", async () => {
    const rental = await its.rent(provider, { image: "localhost:1/nobody/there:1" });
    const end = await endAfter(rental, 60_000, waitingFor(rental, /ImagePull/));
    expect(end).toMatchObject({ reason: "start-failed", fault: "provider", ran: false });
    expect(await told(rental)).toContain("localhost:1");
  });

  test("that finds no room for half a minute says how much was missing, and costs nothing", async () => {
    const rental = await its.rent(provider, { cpuCores: 64 });
    const end = await endAfter(rental, 30_000, async () => {
      const { status } = await its.kube.core.readNamespacedPod(rental.at);
      return status?.conditions?.some(({ reason }) => reason === "Unschedulable") ?? false;
    });
    expect(end).toMatchObject({ reason: "unschedulable", fault: "provider", ran: false });
    expect(await told(rental)).toContain("Insufficient cpu");
  });

  test("whose SSH does not answer where customers dial ends after a minute and a half, and costs nothing", async () => {
    const movesTo = async (host: string) => {
      await its.db.update(providers).set({ host }).where(eq(providers.id, provider));
    };
    onTestFinished(() => movesTo("127.0.0.1"));
    await movesTo("host.invalid");
    const rental = await its.rent(provider);
    const end = await endAfter(rental, 90_000, async () => {
      const { status } = await its.kube.core.readNamespacedPod(rental.at);
      return status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
    });
    expect(end).toMatchObject({ reason: "ssh-silent", fault: "provider", ran: false });
    expect(await told(rental)).toMatch(/host\.invalid:\d+ does not answer the broker with SSH/);
  });

  test("goes on under a new worker whose broker cannot reach it, and its door is not asked again under the old one", async () => {
    const rental = await running();
    const pods = its.newCluster(async () => false);
    const look = () => reconcileExecution({ ...its.deps, pods }, rental.executionId);
    await look();
    its.skip(90_000);
    await look();
    its.skip(90_000);
    await look();
    expect((await its.rowOf(rental.jobId)).execution).toMatchObject({ status: "running", reason: null });
    await its.kube.core.deleteNamespacedPod({ ...rental.at, gracePeriodSeconds: 0 });
    expect(await its.end(rental)).toMatchObject({ reason: GONE, fault: "provider", ran: true });
  });

  test("whose python was killed for its memory goes on; its later end is then not the memory's", async () => {
    const rental = await running();
    expect(await its.shell(rental, "tail /dev/zero >/dev/null 2>&1; echo $?")).toBe("137\n");
    await reconcileExecution(its.deps, rental.executionId);
    expect((await its.rowOf(rental.jobId)).execution.status).toBe("running");
    await its.shell(rental, "kill 1").catch(() => {});
    expect(await its.end(rental)).toMatchObject({ reason: "ended-by-itself", fault: "customer", ran: true });
  });

  test("whose first process was killed for its memory is told so", async () => {
    const rental = await running();
    await its.shell(rental, "echo 1000 >/proc/1/oom_score_adj; tail /dev/zero >/dev/null 2>&1").catch(() => {});
    expect(await its.end(rental)).toMatchObject({ reason: "out-of-memory", fault: "customer", exitCode: 137 });
  });

  test("that wrote more than its storage is evicted, and that is its customer's", async () => {
    const rental = await running();
    await its.shell(rental, "dd if=/dev/zero of=/root/big bs=1M count=1200 2>&1");
    expect(await its.end(rental)).toMatchObject({ reason: "out-of-disk", fault: "customer", ran: true });
  });

  test("whose pod is past its deadline has expired", async () => {
    const rental = await running();
    const body = [{ op: "replace", path: "/spec/activeDeadlineSeconds", value: 1 }];
    await its.kube.core.patchNamespacedPod({ ...rental.at, body });
    expect(await its.end(rental)).toMatchObject({ reason: "expired", fault: "nobody", ran: true });
  });

  test("whose sshd ends with exit code 0 ended by itself", async () => {
    const rental = await running();
    await its.shell(rental, "rm /usr/sbin/sshd; cp /bin/true /usr/sbin/sshd; kill -HUP 1").catch(() => {});
    expect(await its.end(rental)).toMatchObject({ reason: "ended-by-itself", exitCode: 0, ran: true });
  });

  test("whose service was taken away gets it back at the same port; where that is taken, customers are told the new one", async () => {
    const rental = await running();
    const { endpointPort: port } = (await its.rowOf(rental.jobId)).execution;
    await its.kube.core.deleteNamespacedService(rental.at);
    await reconcileExecution(its.deps, rental.executionId);
    await its.look(rental.jobId, ({ execution }) => execution.endpointPort === port);
    expect(await its.shell(rental, "echo back")).toBe("back\n");

    await its.kube.core.deleteNamespacedService(rental.at);
    const spec = { type: "NodePort", ports: [{ port: 22, nodePort: port ?? 0 }], selector: { nobody: "here" } };
    const { namespace } = rental.at;
    await its.kube.core.createNamespacedService({ namespace, body: { metadata: { name: "thief" }, spec } });
    await its.look(rental.jobId, ({ execution }) => execution.endpointPort !== port);
    expect(await its.shell(rental, "echo moved")).toBe("moved\n");
    expect(await told(rental)).toContain("Its SSH answers at 127.0.0.1:");
    const [row] = await its.db.select().from(executions).where(eq(executions.id, rental.executionId));
    expect(row).toMatchObject({ status: "running", reason: null });
  });

  test("whose secrets were taken away goes on", async () => {
    const rental = await running();
    for (const part of ["ssh", "env"])
      await its.kube.core.deleteNamespacedSecret({ ...rental.at, name: `${rental.at.name}-${part}` });
    await reconcileExecution(its.deps, rental.executionId);
    expect(await its.shell(rental, "echo here")).toBe("here\n");
    expect((await its.rowOf(rental.jobId)).execution.status).toBe("running");
  });

  test("whose namespace was taken away ends with that; another account's goes on", async () => {
    const [mine, other] = [await running(), await running()];
    await its.kube.core.deleteNamespace({ name: mine.at.namespace });
    expect(await its.end(mine)).toMatchObject({ reason: GONE, fault: "provider", ran: true });
    await reconcileExecution(its.deps, other.executionId);
    expect((await its.rowOf(other.jobId)).execution.status).toBe("running");
  });

  test("goes on while its node is cordoned, and nothing new is placed there", async () => {
    const old = await running();
    // Also where it takes too long: a `finally` of a test that timed out would come in the middle of the next one.
    onTestFinished(async () => {
      await its.kube.patchNode(node, { spec: { unschedulable: null } });
    });
    await its.kube.patchNode(node, { spec: { unschedulable: true } });
    const late = await its.rent(provider);
    const end = await endAfter(late, 30_000, async () => {
      const { status } = await its.kube.core.readNamespacedPod(late.at);
      return status?.conditions?.some(({ reason }) => reason === "Unschedulable") ?? false;
    });
    expect(end).toMatchObject({ reason: "unschedulable", fault: "provider", ran: false });
    expect(await its.shell(old, "echo here")).toBe("here\n");
    expect((await its.rowOf(old.jobId)).execution.status).toBe("running");
  });
});
