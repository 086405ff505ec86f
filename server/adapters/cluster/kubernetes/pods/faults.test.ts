// The adapter against a real API server that fails at random: whatever it says, what is asked again comes to be, once.
import { randomBytes } from "node:crypto";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ExecutionSpec, Placement } from "../../../../../domain/execution/spec.ts";
import { formatId } from "../../../../../domain/ids.ts";
import type { WatchedCluster } from "../../../../deps.ts";
import { FAULTS, type Fault, faultyApi } from "../../../../testing/faulty-api.ts";
import { TEST_KUBECONFIG, type TestCluster, testCluster } from "../../../../testing/kubernetes.ts";
import { OVER_LIMIT } from "./ensure.ts";
import { kubernetesCluster } from "./kubernetes-cluster.ts";
import { namespaceOf, podName } from "./names.ts";

const TENANT = `0x${randomBytes(20).toString("hex")}`;
const namespace = namespaceOf(TENANT);
/** No such node: its pods wait, and cost the real one nothing. */
const where: Placement = { tenant: TENANT, nodeName: "nowhere", host: "127.0.0.1" };
/** A sweep comes again; here it comes soon. A server that cut a connection is let alone for three seconds. */
const MOST_TRIES = 200;
const PAUSE_MS = 250;

function spec(gpuUuids: string[] = []): ExecutionSpec {
  return {
    ...{ id: formatId("exec", Date.now(), randomBytes(10)), jobId: formatId("job", Date.now(), randomBytes(10)) },
    ...{ providerId: formatId("prov", 1, randomBytes(10)), kind: "rental", image: "localhost/debian:12" },
    ...{ cpuCores: 1, memoryMb: 64, diskGb: 1, gpuUuids, env: {}, sshPublicKeys: ["ssh-ed25519 AAAA"] },
    ...{ command: null, registryLogin: null, sshHostKey: "none", deadline: new Date().toISOString() },
  };
}

describe.skipIf(TEST_KUBECONFIG === "")("an API server that fails", { timeout: 280_000 }, () => {
  let kube: TestCluster;
  let cluster: WatchedCluster;
  let faulty: Awaited<ReturnType<typeof faultyApi>>;
  let script: (Fault | null)[] = [];
  let met: Fault[] = [];

  beforeAll(async () => {
    kube = testCluster();
    faulty = await faultyApi(() => {
      const fault = script.shift() ?? null;
      if (fault) met.push(fault);
      return fault;
    });
    cluster = kubernetesCluster({
      ...{ kubeconfig: faulty.kubeconfig, labelPrefix: `${randomBytes(4).toString("hex")}.berth.test` },
      ...{ tenantMaxGpus: 2, ownCidrs: [], runtimeClass: null, clock: { now: () => new Date() } },
      log: { info: () => {}, warn: () => {}, error: () => {} },
    });
  }, 60_000);
  afterAll(async () => {
    await kube.core.deleteNamespace({ name: namespace }).catch(() => {});
    await faulty.close();
    await kube.close();
  });

  /** As reconciles come: again, until it went through. @returns how often it took */
  async function again(act: () => Promise<unknown>): Promise<number> {
    for (let tries = 1; ; tries++) {
      try {
        await act();
        return tries;
      } catch (error) {
        if (tries === MOST_TRIES) throw error;
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }
  }
  /** What the cluster really holds of an execution. */
  async function held(name: string): Promise<string[]> {
    const [pods, services, secrets] = await Promise.all([
      kube.core.listNamespacedPod({ namespace }),
      kube.core.listNamespacedService({ namespace }),
      kube.core.listNamespacedSecret({ namespace }),
    ]);
    const names = (kind: string, items: { metadata?: { name?: string; deletionTimestamp?: Date } }[]) =>
      items
        .filter(({ metadata }) => metadata?.name?.startsWith(name) && !metadata.deletionTimestamp)
        .map(({ metadata }) => `${kind} ${metadata?.name?.slice(name.length)}`);
    return [...names("pod", pods.items), ...names("service", services.items), ...names("secret", secrets.items)].sort();
  }

  test("in any step and any way: what is applied again is there once, what is removed again is gone", async () => {
    const fault = fc.oneof(
      { weight: 3, arbitrary: fc.constant(null) },
      { weight: 1, arbitrary: fc.constantFrom(...FAULTS) },
    );
    const faults = fc.array(fault, { minLength: 14, maxLength: 14 });
    const all = new Set<Fault>();
    await fc.assert(
      fc.asyncProperty(faults, faults, async (applying, removing) => {
        const wanted = spec();
        const name = podName(wanted.id);
        met = [];
        script = [...applying];
        await again(() => cluster.apply(wanted, where));
        script = [];
        await again(() => cluster.apply(wanted, where));
        expect(await held(name)).toEqual(["pod ", "secret -env", "secret -ssh", "service "]);
        script = [...removing];
        await again(() => cluster.remove(wanted.id, where));
        script = [];
        await again(() => cluster.remove(wanted.id, where));
        await expect.poll(() => held(name), { timeout: 15_000 }).toEqual([]);
        for (const fault of met) all.add(fault);
      }),
      { numRuns: 12, seed: 20_260_601, endOnFailure: true },
    );
    expect([...all].sort()).toEqual([...FAULTS].sort());
  });

  test("a limit that is reached is told as that, and stands, whatever failed on the way to it", async () => {
    const wanted = spec(["a", "b", "c"]);
    script = ["broken-after", null, "conflict", "busy", null, null, "broken"];
    await again(() => cluster.apply(wanted, where));
    script = [];
    const refused = { state: "ended", cause: "quota", detail: OVER_LIMIT };
    expect(await cluster.observe(wanted.id, where)).toMatchObject(refused);
    await cluster.apply(wanted, where);
    expect(await cluster.observe(wanted.id, where)).toMatchObject(refused);
    await cluster.remove(wanted.id, where);
    expect(await cluster.observe(wanted.id, where)).toEqual({ state: "absent" });
  });

  test("a pod that the cluster's rules refuse for good ends with its words, and is not tried for ever", async () => {
    const wanted = { ...spec(), memoryMb: -1 };
    await cluster.apply(wanted, where);
    expect(await cluster.observe(wanted.id, where)).toMatchObject({
      ...{
        state: "ended",
        cause: "start-failed",
        detail: expect.stringContaining("must be greater than or equal to 0"),
      },
    });
    await cluster.remove(wanted.id, where);
  });

  test("a pod that has run is never made anew: applied again it is given its service, and nothing else", async () => {
    const wanted = spec();
    await cluster.apply(wanted, where);
    const service = { namespace, name: podName(wanted.id) };
    const port = (await kube.core.readNamespacedService(service)).spec?.ports?.[0]?.nodePort ?? 0;
    await kube.core.deleteNamespacedPod({ ...service, gracePeriodSeconds: 0 });
    await kube.core.deleteNamespacedService(service);
    await cluster.apply(wanted, { ...where, sshPort: port });
    expect((await held(podName(wanted.id))).filter((one) => !one.startsWith("secret"))).toEqual(["service "]);
    expect((await kube.core.readNamespacedService(service)).spec?.ports?.[0]?.nodePort).toBe(port);
    await cluster.remove(wanted.id, where);
  });

  test("a namespace that was taken away is made again with all that belongs in it", async () => {
    const before = spec();
    await again(() => cluster.apply(before, where)); // a try before this one may have left it on its way out
    await kube.core.deleteNamespace({ name: namespace });
    const wanted = spec();
    for (const end = Date.now() + 180_000; Date.now() < end; ) {
      const there = await cluster.apply(wanted, where).then(
        () => true,
        () => false,
      );
      if (there) break;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    expect(await held(podName(wanted.id))).toContain("pod ");
    expect((await kube.core.listNamespacedResourceQuota({ namespace })).items).toHaveLength(1);
    await cluster.remove(wanted.id, where);
  });
});
