// The whole way of a machine into a real cluster and out of it again.
import { generateKeyPairSync } from "node:crypto";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { walletPrincipal } from "../../../domain/account/principal.ts";
import { isId, type ProviderId } from "../../../domain/ids.ts";
import { joinCommand } from "../../../domain/node/join-command.ts";
import { providerStatus } from "../../../domain/provider/state.ts";
import { events } from "../../../drizzle/schema/event.ts";
import { gpus, offers, providerNodes, providers } from "../../../drizzle/schema/provider.ts";
import { Enrol, JoinTicket } from "../../../protocol/agent.ts";
import { kubernetesNodes } from "../../adapters/cluster/kubernetes/nodes/kubernetes.ts";
import type { Deps } from "../../deps.ts";
import { TEST_KUBECONFIG, type TestCluster, testCluster } from "../../testing/kubernetes.ts";
import { OWNER, type ProviderWorld, providerWorld } from "../../testing/provider-world.ts";
import { createEnrolmentToken } from "../provider/create-enrolment-token.ts";
import { approveProvider, suspendProvider } from "../provider/decide-admission.ts";
import { drainProvider } from "../provider/drain-provider.ts";
import { enrolProvider } from "../provider/enrol-provider.ts";
import { removeProvider } from "../provider/remove-provider.ts";
import { joinTicketOf } from "./join-ticket.ts";
import { reconcileNode } from "./reconcile-node.ts";
import { renewJoin } from "./renew-join.ts";
import { compareNodes, sweepDueNodes } from "./sweep-nodes.ts";

const PREFIX = "lifecycle.berth.test";
const OPERATOR = "0x00000000000000000000000000000000000000cc";
const owner = walletPrincipal(OWNER);
const operator = walletPrincipal(OPERATOR);
const MODEL = "NVIDIA GeForce RTX 4090";

describe.skipIf(!TEST_KUBECONFIG)("a machine of a real Kubernetes (needs BERTH_TEST_KUBECONFIG)", () => {
  let world: ProviderWorld;
  let cluster: TestCluster;
  let deps: Deps;
  let aheadMs = 0;

  beforeAll(async () => {
    world = await providerWorld();
    cluster = testCluster();
    const log = world.deps.log;
    deps = {
      ...world.deps,
      nodes: kubernetesNodes({ kubeconfig: TEST_KUBECONFIG, joinEndpoint: null, labelPrefix: PREFIX, log }),
      clock: { now: () => new Date(Date.now() + aheadMs) }, // the cluster's conditions carry real times
      settings: { ...world.deps.settings, operators: [OPERATOR], labelPrefix: PREFIX },
    };
  });
  beforeEach(async () => {
    await world.empty();
    aheadMs = 0;
  });
  afterAll(async () => {
    await cluster?.close();
    await world?.close();
  });

  async function enrolled(count = 4): Promise<{ id: ProviderId; name: string }> {
    const { publicKey } = generateKeyPairSync("ed25519");
    const { token } = await createEnrolmentToken(deps, owner);
    const { providerId: id } = await enrolProvider(
      deps,
      Enrol.parse({
        ...{ token, public_key: publicKey.export({ format: "der", type: "spki" }).toString("base64") },
        ...{ name: `m${Date.now().toString(36)}`, region: "eu-north", host: "203.0.113.9", agent_version: "0.1.0" },
        ...{ price_per_gpu_hour: "0.400000", price_per_cpu_hour: "0.010000" },
        machine: {
          ...{ hostname: "h", os: "Debian 12", architecture: "x64", cpu_model: "", cpu_cores: 16, memory_mb: 65_536 },
          ...{ disk_gb: 500, runtime: "kubernetes", sandboxed: true },
          gpus: Array.from({ length: count }, (_, index) => ({
            ...{ index, uuid: `GPU-${token}-${index}`, model: MODEL, vram_mb: 24_576, declared: false },
          })),
        },
      }),
    );
    await settle();
    return { id, name: (await nodeRow(id)).nodeName };
  }

  /** Answers rings as the worker would, until none is left. */
  async function settle(): Promise<void> {
    for (let n = 0; n < 40 && world.rings.length > 0; n++) {
      const id = world.rings.shift() ?? "";
      if (isId("prov", id)) await reconcileNode(deps, id);
    }
    expect(world.rings).toEqual([]);
  }
  async function look(id: ProviderId): Promise<void> {
    await reconcileNode(deps, id);
    await settle();
  }
  async function nodeRow(id: ProviderId) {
    const [row] = await world.db.select().from(providerNodes).where(eq(providerNodes.providerId, id));
    if (!row) throw new Error("no node side");
    return row;
  }
  async function provider(id: ProviderId) {
    const [row] = await world.db.select().from(providers).where(eq(providers.id, id));
    if (!row) throw new Error("no provider");
    return { ...row, status: providerStatus(row.admission, row.presence, row.drain) };
  }
  const told = async (id: ProviderId) =>
    (await world.db.select().from(events).where(eq(events.subject, id)).orderBy(events.id)).map(({ code }) => code);
  const count = async (id: ProviderId, code: string) => (await told(id)).filter((one) => one === code).length;
  const offer = async (id: ProviderId) =>
    (await world.db.select().from(offers).where(eq(offers.providerId, id))).find(({ gpuModel }) => gpuModel !== "");

  /** Admitted, with its ticket. */
  async function issued(gpuCount = 4) {
    const { id, name } = await enrolled(gpuCount);
    await approveProvider(deps, operator, id);
    await settle();
    const ticket = JoinTicket.parse(await joinTicketOf(deps, id));
    cluster.remember(ticket.token.slice(0, 6));
    return { id, name, ticket };
  }
  /** A node that joined, is ready and available. */
  async function joined(gpuCount = 4) {
    const machine = await issued(gpuCount);
    await cluster.register(machine.name);
    await cluster.status(machine.name, "True", gpuCount, new Date(Date.now() - 120_000));
    await look(machine.id);
    expect((await provider(machine.id)).status).toBe("available");
    return machine;
  }
  const request = () => `berth-test-${crypto.randomUUID()}`;
  const subject = (name: string) => ({ subject: `/O=system:nodes/CN=system:node:${name}` });

  test("it enrols, is approved, joins with its token, is marked, sold, drained and leaves nothing behind", async () => {
    const { id, name } = await enrolled();
    expect((await provider(id)).status).toBe("pending");
    expect(await joinTicketOf(deps, id)).toBeNull();

    await approveProvider(deps, operator, id);
    await settle();
    const ticket = JoinTicket.parse(await joinTicketOf(deps, id));
    const { api_server: apiServer, ca_cert_hash: caHash } = ticket;
    expect(joinCommand({ apiServer, token: ticket.token, caHash, nodeName: name })).toBe(
      `kubeadm join ${cluster.server.slice("https://".length)} --token ${ticket.token} --discovery-token-ca-cert-hash ${caHash} --node-name ${name}`,
    );
    expect(JSON.stringify(await nodeRow(id))).not.toContain(ticket.token.slice(7));

    const [wrong, right, late] = [request(), request(), request()];
    await cluster.ask(ticket.token, wrong, subject("another"));
    const { keyFile } = await cluster.ask(ticket.token, right, subject(name));
    await look(id);
    await look(id);
    expect(await cluster.request(wrong)).toMatchObject({
      decided: "Denied",
      why: expect.stringContaining("another name"),
    });
    expect(await cluster.request(right)).toMatchObject({ decided: "Approved" });
    await cluster.ask(ticket.token, late, subject(name));
    await look(id);
    expect(await cluster.request(late)).toMatchObject({
      decided: "Denied",
      why: expect.stringContaining("has been used"),
    });
    expect(await count(id, "csr-refused")).toBe(2);
    expect(await joinTicketOf(deps, id)).toBeNull(); // it is used

    await expect.poll(async () => (await cluster.request(right)).certificate, { timeout: 15_000 }).toBeTruthy();
    const kubelet = cluster.holder((await cluster.request(right)).certificate ?? "", keyFile);
    await expect(kubelet.createNode({ body: { metadata: { name: "gpu-node-9" } } })).rejects.toMatchObject({
      code: 403,
    });
    await cluster.register(name, { by: kubelet });
    await look(id);
    expect((await provider(id)).status).toBe("joined");
    await cluster.status(name, "True", 4);
    await look(id);
    expect((await provider(id)).status).toBe("available");
    expect(await offer(id)).toMatchObject({ available: true, freeGpus: 4, gpuModel: MODEL });
    const node = await cluster.node(name);
    expect(node.metadata?.labels).toMatchObject({
      [`${PREFIX}/provider-id`]: id,
      [`${PREFIX}/rental-type`]: "gpu",
      [`${PREFIX}/gpu-model`]: "NVIDIA-GeForce-RTX-4090",
      [`${PREFIX}/active-jobs`]: "0",
    });
    expect(node.spec?.taints).toContainEqual({ key: `${PREFIX}/rental`, value: "gpu", effect: "NoSchedule" });
    // Its token is worth nothing any more.
    expect(await nodeRow(id)).toMatchObject({ tokenId: null, sealedToken: null });
    await expect(
      cluster.core.readNamespacedSecret({
        namespace: "kube-system",
        name: `bootstrap-token-${ticket.token.slice(0, 6)}`,
      }),
    ).rejects.toMatchObject({ code: 404 });

    await drainProvider(deps, owner, id, true);
    await settle();
    expect((await cluster.node(name)).spec?.unschedulable).toBe(true);
    expect((await provider(id)).status).toBe("draining");
    await drainProvider(deps, owner, id, false);
    await settle();
    expect((await cluster.node(name)).spec?.unschedulable).toBeUndefined();

    await removeProvider(deps, owner, id);
    await settle();
    const left = await cluster.node(name);
    expect(left.spec?.unschedulable).toBe(true);
    expect(JSON.stringify([left.metadata?.labels, left.metadata?.annotations, left.spec?.taints])).not.toContain(
      PREFIX,
    );
    await cluster.patchNode(name, { spec: { unschedulable: null } });
    await compareNodes(deps);
    await settle();
    expect((await cluster.node(name)).spec?.unschedulable).toBe(true); // cordoned on sight, again
  });

  test("a request that asks for more than a node's name is refused, whatever else it asks for", async () => {
    const { id, name, ticket } = await issued();
    const wishes = {
      "alternative names": { ...subject(name), alternativeName: "DNS:kubernetes.default" },
      "another group": { subject: `/O=system:masters/CN=system:node:${name}` },
      "another signer": { ...subject(name), signer: "berth.test/other" },
      "other usages": {
        ...subject(name),
        signer: "kubernetes.io/kube-apiserver-client",
        usages: ["client auth", "code signing"],
      },
    };
    for (const wish of Object.values(wishes)) await cluster.ask(ticket.token, request(), wish);
    await look(id);
    expect(await count(id, "csr-refused")).toBe(4);
    await look(id);
    expect(await count(id, "csr-refused")).toBe(4);
    expect((await deps.nodes?.requests(ticket.token.slice(0, 6)))?.map(({ state }) => state)).toEqual(
      Array(4).fill("denied"),
    );
    expect(await joinTicketOf(deps, id)).not.toBeNull(); // the honest machine may still come
  });

  test("a request that Berth may not answer holds nothing up, and a token that keeps asking is revoked", async () => {
    const { id, name, ticket } = await issued();
    const { nodes } = deps;
    if (!nodes) throw new Error("no cluster");
    const bound = { ...deps, nodes: { ...nodes, refuse: () => Promise.reject(new Error("403")) } };
    const honest = request();
    for (let n = 0; n < 3; n++) await cluster.ask(ticket.token, request(), subject("other"));
    await cluster.ask(ticket.token, honest, subject(name));
    await reconcileNode(bound, id);
    await reconcileNode(bound, id);
    expect(await cluster.request(honest)).toMatchObject({ decided: "Approved" });
    expect(await count(id, "csr-refused")).toBe(3);
    expect((await nodeRow(id)).tokenId).not.toBeNull();
    for (let n = 0; n < 7; n++) await cluster.ask(ticket.token, request(), subject("other"));
    await look(id);
    expect((await nodeRow(id)).tokenId).toBeNull();
    expect(await count(id, "csr-refused")).toBe(10);
  });

  test("of two honest requests at once, under two workers at once, one is approved", async () => {
    const { id, name, ticket } = await issued();
    const both = [request(), request()];
    for (const one of both) await cluster.ask(ticket.token, one, subject(name));
    await Promise.all([reconcileNode(deps, id), reconcileNode(deps, id)]);
    await settle();
    await Promise.all([reconcileNode(deps, id), reconcileNode(deps, id)]);
    await settle();
    const decisions = await Promise.all(both.map(async (one) => (await cluster.request(one)).decided));
    expect(decisions.sort()).toEqual(["Approved", "Denied"]);
  });

  test("a token that ran out is revoked and told of, and a new one is issued only when the owner asks", async () => {
    const { id, ticket } = await issued();
    aheadMs = 31 * 60_000;
    expect(await joinTicketOf(deps, id)).toBeNull();
    await sweepDueNodes(deps);
    await settle();
    expect(await nodeRow(id)).toMatchObject({ tokenId: null, sealedToken: null });
    expect(await count(id, "join-expired")).toBe(1);
    await look(id);
    expect((await nodeRow(id)).tokenId).toBeNull();
    await renewJoin(deps, owner, id);
    await settle();
    const renewed = JoinTicket.parse(await joinTicketOf(deps, id));
    cluster.remember(renewed.token.slice(0, 6));
    expect(renewed.token).not.toBe(ticket.token);
    await renewJoin(deps, owner, id); // still good: nothing changes
    expect(await joinTicketOf(deps, id)).toEqual(renewed);
    await expect(renewJoin(deps, walletPrincipal(OPERATOR.replace("cc", "dd")), id)).rejects.toMatchObject({
      code: "not-found",
    });
  });

  test("a request made with a token that was revoked since is refused by the sweep", async () => {
    const { id, name, ticket } = await issued();
    const late = request();
    await cluster.ask(ticket.token, late, subject(name));
    await suspendProvider(deps, operator, id, "a test");
    await world.db.update(providerNodes).set({ tokenId: null }).where(eq(providerNodes.providerId, id));
    await deps.nodes?.revokeToken(ticket.token.slice(0, 6));
    world.rings.length = 0;
    expect((await compareNodes(deps)).refused).toBe(1);
    expect(await cluster.request(late)).toMatchObject({ decided: "Denied" });
    expect(await count(id, "csr-refused")).toBe(1);
  });

  test("a node that was there before its approval is left alone until then, and taken in after", async () => {
    const { id, name } = await enrolled();
    await cluster.register(name);
    await cluster.status(name, "True", 4);
    await look(id);
    expect(JSON.stringify((await cluster.node(name)).metadata?.labels ?? {})).not.toContain(PREFIX);
    expect((await provider(id)).presence).toBe("unseen");
    await approveProvider(deps, operator, id);
    await settle();
    expect((await provider(id)).status).toBe("available");
    expect(await told(id)).not.toContain("join-issued"); // nothing to join any more
  });

  test("a node that comes late, after its token was used up, is taken in by the sweep", async () => {
    const { id, name, ticket } = await issued();
    await cluster.ask(ticket.token, request(), subject(name));
    await look(id);
    await look(id);
    aheadMs = 10 * 60_000;
    await look(id);
    expect((await nodeRow(id)).tokenId).toBeNull();
    await cluster.register(name);
    await cluster.status(name, "True", 4);
    expect((await compareNodes(deps)).woken).toBe(1);
    await settle();
    expect((await provider(id)).status).toBe("available");
    expect((await compareNodes(deps)).woken).toBe(0);
  });

  test("a node that is deleted goes offline once, and comes back when its kubelet registers it again", async () => {
    const { id, name } = await joined();
    await cluster.deleteNode(name);
    await look(id);
    await look(id);
    expect(await provider(id)).toMatchObject({ status: "offline", reputation: 80 });
    expect(await count(id, "node-gone")).toBe(1);
    expect((await offer(id))?.available).toBe(false);
    await cluster.register(name);
    await cluster.status(name, "True", 4);
    await look(id);
    expect(await provider(id)).toMatchObject({ status: "available", reputation: 80 });
  });

  test("another Node under the same name is a stranger: cordoned, told of once, never available", async () => {
    const { id, name } = await joined();
    const before = (await nodeRow(id)).nodeUid;
    await cluster.deleteNode(name); // and nobody looked
    await cluster.register(name);
    await cluster.status(name, "True", 4);
    await look(id);
    await look(id);
    expect(await count(id, "node-stranger")).toBe(1);
    expect((await provider(id)).status).toBe("offline");
    const node = await cluster.node(name);
    expect(node.spec?.unschedulable).toBe(true);
    expect(JSON.stringify([node.metadata?.labels, node.spec?.taints])).not.toContain(PREFIX);
    expect((await nodeRow(id)).nodeUid).toBe(before);
    // An operator deletes it; the machine registers again and is welcome.
    await cluster.deleteNode(name);
    await look(id);
    await cluster.register(name);
    await cluster.status(name, "True", 4);
    await look(id);
    expect((await provider(id)).status).toBe("available");
    expect((await cluster.node(name)).spec?.unschedulable).toBeUndefined();
  });

  test("a node that carries our label under another name gets nothing but an incident", async () => {
    const { id, name } = await joined();
    const other = `${name}-renamed`;
    await cluster.register(other, { labels: { [`${PREFIX}/provider-id`]: id, [`${PREFIX}/rental-type`]: "gpu" } });
    await cluster.status(other, "True", 8);
    expect((await compareNodes(deps)).renamed).toBe(1);
    await compareNodes(deps);
    await settle();
    expect(await count(id, "node-renamed")).toBe(1);
    expect(await nodeRow(id)).toMatchObject({ allocatableGpus: 4 });
    expect((await cluster.node(other)).spec?.taints ?? []).not.toContainEqual(
      expect.objectContaining({ key: `${PREFIX}/rental` }),
    );
  });

  test("a kubelet that falls silent is offline two minutes after its last sign of life, and back at the next", async () => {
    const { id, name } = await joined();
    await cluster.status(name, "Unknown", 4, new Date(Date.now() - 60_000));
    await look(id);
    expect((await provider(id)).status).toBe("available"); // 40 + 60 seconds
    aheadMs = 25_000;
    await sweepDueNodes(deps);
    await settle();
    expect(await provider(id)).toMatchObject({ status: "offline", reputation: 80 });
    await look(id);
    expect(await count(id, "provider-offline")).toBe(1);
    await cluster.status(name, "True", 4);
    await look(id);
    expect((await provider(id)).status).toBe("available");
  });

  test("GPUs that the cluster does not offer are told of once a change, and are not sold", async () => {
    const { id, name } = await joined();
    await cluster.status(name, "True", 3, new Date(Date.now() - 120_000));
    await look(id);
    await look(id);
    expect(await count(id, "capacity-mismatch")).toBe(1);
    expect(await offer(id)).toMatchObject({ totalGpus: 3, freeGpus: 3 });
    expect(await nodeRow(id)).toMatchObject({ allocatableGpus: 3 });
    await cluster.status(name, "True", 1, new Date(Date.now() - 120_000));
    await look(id);
    expect(await count(id, "capacity-mismatch")).toBe(2);
    await cluster.status(name, "True", 4, new Date(Date.now() - 120_000));
    await look(id);
    await look(id);
    expect(await count(id, "capacity-restored")).toBe(1);
    expect(await offer(id)).toMatchObject({ totalGpus: 4, freeGpus: 4 });
    expect((await world.db.select().from(gpus)).every(({ present }) => present)).toBe(true);
  });

  test("a suspended machine loses its marks and takes no pods; taken back, it works again", async () => {
    const { id, name } = await joined();
    await suspendProvider(deps, operator, id, "a test");
    await settle();
    const node = await cluster.node(name);
    expect(node.spec?.unschedulable).toBe(true);
    expect(JSON.stringify([node.metadata?.labels, node.spec?.taints])).not.toContain(PREFIX);
    await approveProvider(deps, operator, id);
    await settle();
    expect((await cluster.node(name)).spec?.unschedulable).toBeUndefined();
    expect((await provider(id)).status).toBe("available");
  });

  test("two workers that reconcile the same node at once write each edge and each event once", async () => {
    const { id, name } = await issued();
    await cluster.register(name);
    await cluster.status(name, "True", 4);
    await Promise.all(Array.from({ length: 6 }, () => reconcileNode(deps, id)));
    await settle();
    const codes = await told(id);
    for (const code of ["provider-joined", "provider-online", "join-issued", "join-revoked"])
      expect([code, codes.filter((one) => one === code).length]).toEqual([code, 1]);
    expect((await provider(id)).status).toBe("available");
  });
});
