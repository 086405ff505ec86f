import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { TEST_KUBECONFIG } from "../../../../testing/kubernetes.ts";
import { type PrivateRegistry, privateRegistry } from "../../../../testing/registry.ts";
import { openApi, openConfig } from "../api.ts";
import { createPod, ensureTenant } from "./ensure.ts";
import { envSecret, pod, sshSecret } from "./manifests.ts";
import { namespaceOf, podName } from "./names.ts";
import { openQuay, type Quay } from "./testing/rented.ts";

describe.skipIf(TEST_KUBECONFIG === "")("private images on a real cluster", () => {
  let quay: Quay;
  let registry: PrivateRegistry;
  beforeAll(async () => {
    quay = await openQuay();
    registry = await privateRegistry("me", "right");
  }, 60_000);
  afterEach(() => quay.clear(), 120_000); // what a test that failed leaves would take the room of its second try
  afterAll(async () => {
    await quay.close();
    await registry[Symbol.asyncDispose]();
  }, 120_000);

  test("without a login, and with a wrong one, the registry's refusal is the end, and it is said so", async () => {
    const login = { registry: registry.registry, username: "me", password: "wrong" };
    for (const registryLogin of [null, login]) {
      const rented = await quay.rent(quay.newTenant(), { image: registry.image, registryLogin });
      expect(await rented.until("ended")).toMatchObject({ cause: "image-denied" });
      await rented.remove();
    }
    expect(registry.pulls()).toBe(0);
  }, 120_000);

  test("with the account's login it is pulled, and the login is gone from the cluster with its rental", async () => {
    const registryLogin = { registry: registry.registry, username: "me", password: "right" };
    const rented = await quay.rent(quay.newTenant(), { image: registry.image, registryLogin });
    const secrets = async () =>
      (await quay.kube.core.listNamespacedSecret({ namespace: rented.namespace })).items.map(
        ({ metadata }) => metadata?.name,
      );
    // The image holds no shell: that it could not start says that it was there.
    expect(await rented.until("ended")).toMatchObject({ cause: "unfit-image" });
    expect(registry.pulls()).toBe(1);
    expect(await secrets()).toContain(`${rented.name}-pull`);
    await rented.remove();
    expect(await secrets()).not.toContain(`${rented.name}-pull`);
  }, 120_000);

  test("a login that comes seconds after its pod is waited for, and then pulled with", async () => {
    const fresh = await privateRegistry("me", "right"); // what was pulled before needs no login
    onTestFinished(() => fresh[Symbol.asyncDispose]());
    const registryLogin = { registry: fresh.registry, username: "me", password: "right" };
    const api = openApi(openConfig(TEST_KUBECONFIG));
    const rented = await quay.rent(quay.newTenant(), { image: fresh.image, registryLogin }, async (spec, rules) => {
      await ensureTenant(api, spec.tenant, rules);
      expect(await createPod(api, pod(spec, rules))).toBeNull();
      const at = { namespace: namespaceOf(spec.tenant), name: podName(spec.id) };
      for (const secret of [sshSecret(spec, rules), envSecret(spec, rules, 30_022)])
        await quay.kube.core.createNamespacedSecret({ namespace: at.namespace, body: secret });
      await new Promise((resolve) => setTimeout(resolve, 4_000));
      const { status } = await quay.kube.core.readNamespacedPod(at);
      expect(status?.containerStatuses?.map(({ state }) => state?.waiting?.reason)).toEqual(["ContainerCreating"]);
    });
    expect(await rented.until("ended")).toMatchObject({ cause: "unfit-image" });
    expect(fresh.pulls()).toBe(1);
    await rented.remove();
  }, 120_000);
});
