import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ADMISSIONS, DRAINS, PRESENCES, presenceAfter } from "../provider/state.ts";
import { cordonAfter, HEARTBEAT, labelValue, lacks, type Marks, marksOf, stripped } from "./marks.ts";
import { CAPACITY_SETTLE_MS, FETCH_GRACE_MS, type NodeFacts, planNode, TOKEN_LIFE_MS } from "./plan.ts";
import { judgeRequests, whyRefused } from "./request.ts";
import { JOIN_GROUP, type JoinRequest, READINESSES, type SeenNode, tokenOf, tokenUser } from "./seen.ts";

const NOW = new Date("2026-06-01T12:00:00.000Z");
const ago = (ms: number) => new Date(NOW.getTime() - ms);
const later = (ms: number) => new Date(NOW.getTime() + ms);
const NAME = "machine-1";

const facts = (over: Partial<NodeFacts> = {}): NodeFacts => ({
  ...{ providerId: "prov_1", admission: "approved", drain: "none", presence: "unseen", nodeName: NAME },
  ...{ tokenId: null, tokenExpiresAt: null, csrName: null, nodeUid: null, declaredGpus: 4, gpuModel: "RTX 4090" },
  ...{ activeJobs: 0, lastSeenAt: null },
  ...over,
});
const out = { tokenId: "abc123", tokenExpiresAt: later(TOKEN_LIFE_MS) };
const node = (over: Partial<SeenNode> = {}): SeenNode => ({
  ...{ name: NAME, uid: "uid-1", readiness: "ready", readySince: ago(600_000), heartbeatAt: null, allocatableGpus: 4 },
  ...{ allocatableCpu: 16, allocatableMemoryMb: 65_536, kubeletVersion: "v1.20.2", labels: {}, annotations: {} },
  ...{ taint: null, cordoned: false },
  ...over,
});
/** As it looks after what the plan wants was written. */
const marked = (marks: Marks, over: Partial<SeenNode> = {}) =>
  node({
    labels: { ...marks.labels },
    taint: marks.taint,
    annotations: marks.heartbeat === null ? {} : { [HEARTBEAT]: marks.heartbeat },
    ...over,
  });
const ours = (over: Partial<SeenNode> = {}) => marked(marksOf({ ...facts(), lastHeartbeatAt: null }, "open"), over);
const request = (over: Partial<JoinRequest> = {}): JoinRequest => ({
  ...{ name: "csr-1", createdAt: ago(5_000), signer: "kubernetes.io/kube-apiserver-client-kubelet" },
  ...{ username: tokenUser("abc123"), groups: ["system:bootstrappers", JOIN_GROUP, "system:authenticated"] },
  ...{
    usages: ["digital signature", "key encipherment", "client auth"],
    state: "pending",
    decidedAt: null,
    issued: false,
  },
  subject: { commonNames: [`system:node:${NAME}`], organisations: ["system:nodes"], extras: [] },
  ...over,
});

describe("labels", () => {
  const LEGAL = /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/;
  test("hold nothing that Kubernetes refuses, whatever the text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme", maxLength: 200 })), (text) => {
        const value = labelValue(text);
        expect(value).toMatch(LEGAL);
        expect(value.length).toBeLessThanOrEqual(63);
        expect(labelValue(value)).toBe(value);
      }),
      { numRuns: 2_000 },
    );
  });
  test("keep what was legal already", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/), (text) => {
        expect(labelValue(text)).toBe(text);
      }),
    );
  });
  test.each([
    ["NVIDIA GeForce RTX 4090", "NVIDIA-GeForce-RTX-4090"],
    ["2026-06-01T12:00:00Z", "2026-06-01T12-00-00Z"],
    ["::", ""],
    [`${"x".repeat(62)} y`, "x".repeat(62)],
  ])("%s becomes %s", (text, value) => expect(labelValue(text)).toBe(value));
});

describe("marks", () => {
  test("once written are not written again", () => {
    fc.assert(
      fc.property(
        fc.record({ providerId: fc.string(), gpuModel: fc.option(fc.string()), activeJobs: fc.nat() }),
        fc.option(fc.date({ noInvalidDate: true, min: new Date(0), max: new Date("2100-01-01") })),
        (of, lastHeartbeatAt) => {
          const marks = marksOf({ ...of, lastHeartbeatAt }, "open");
          expect(lacks(marked(marks), marks)).toBe(false);
        },
      ),
    );
  });
  test("a new sign of life alone is written every five minutes at most", () => {
    const marks = (at: Date) =>
      marksOf({ providerId: "p", gpuModel: null, activeJobs: 0, lastHeartbeatAt: at }, "open");
    expect(lacks(marked(marks(ago(299_000))), marks(NOW))).toBe(false);
    expect(lacks(marked(marks(ago(300_000))), marks(NOW))).toBe(true);
  });
  test("our cordon ends; somebody else's does not", () => {
    const drained = cordonAfter(false, null, "draining");
    expect(drained).toEqual({ cordoned: true, note: "draining" });
    expect(cordonAfter(drained.cordoned, drained.note, "open")).toEqual({ cordoned: false, note: null });
    const theirs = cordonAfter(true, null, "draining");
    expect(theirs).toEqual({ cordoned: true, note: null });
    expect(cordonAfter(theirs.cordoned, theirs.note, "open")).toEqual({ cordoned: true, note: null });
    expect(cordonAfter(true, "draining", "removed")).toEqual({ cordoned: true, note: null });
  });
});

describe("a certificate request", () => {
  const issued = { tokenId: "abc123", nodeName: NAME };
  test("for the issued name and nothing else is approved, with or without encipherment", () => {
    expect(whyRefused(request(), issued)).toBeNull();
    expect(whyRefused(request({ usages: ["client auth", "digital signature"] }), issued)).toBeNull();
  });
  const subject = (over: Partial<NonNullable<JoinRequest["subject"]>>) => ({
    subject: { commonNames: [`system:node:${NAME}`], organisations: ["system:nodes"], extras: [], ...over },
  });
  test.each<[string, Partial<JoinRequest>]>([
    ["another token's", { username: tokenUser("zzz999") }],
    ["an admin's", { username: "admin" }],
    ["without our group", { groups: ["system:bootstrappers"] }],
    ["of another signer", { signer: "kubernetes.io/kubelet-serving" }],
    ["that cannot be read", { subject: null }],
    ["for another name", subject({ commonNames: ["system:node:other"] })],
    ["for two names", subject({ commonNames: [`system:node:${NAME}`, "system:node:other"] })],
    ["for no name", subject({ commonNames: [] })],
    ["for masters", subject({ organisations: ["system:masters"] })],
    ["for nodes and masters", subject({ organisations: ["system:nodes", "system:masters"] })],
    ["with alternative names", subject({ extras: ["alternative names"] })],
    ["for serving", { usages: ["server auth", "digital signature"] }],
    ["for serving too", { usages: ["client auth", "digital signature", "server auth"] }],
    ["for nothing", { usages: [] }],
  ])("%s is refused", (_what, over) => expect(whyRefused(request(over), issued)).not.toBeNull());

  test("is approved once a token, whatever order they are seen in", () => {
    const all = [request({ name: "b" }), request({ name: "a" }), request({ name: "c", createdAt: ago(9_000) })];
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: 3 }), fc.constantFrom(null, "a", "b", "c"), (seen, claimed) => {
        const { chosen, refused } = judgeRequests(seen, issued, claimed);
        expect(chosen?.name).toBe(claimed ?? "c");
        expect(refused).toHaveLength(2);
      }),
    );
  });
  test("is of a token of ours only where the user is one", () => {
    expect(tokenOf("system:bootstrap:abc123")).toBe("abc123");
    for (const user of ["system:bootstrap:", "system:bootstrap:abc1234", "system:node:abc123", "abc123"])
      expect(tokenOf(user)).toBeNull();
  });
});

describe("the plan of a node", () => {
  const plan = (of: Partial<NodeFacts>, seen: SeenNode | null = null, requests: JoinRequest[] = []) =>
    planNode(facts(of), seen, requests, NOW);

  test.each<[string, ReturnType<typeof plan>, object]>([
    ["waits for approval with nothing", plan({ admission: "pending" }), { issue: false, mark: null, observed: null }],
    ["is issued a token once it is admitted", plan({}), { issue: true, againAt: NOW }],
    ["is issued none where its node is there", plan({}, node()), { issue: false, mark: { uid: "uid-1" } }],
    ["is issued none again by itself", plan({ tokenExpiresAt: ago(1) }), { issue: false }],
    ["keeps its token until it joins", plan(out), { keepToken: true, revoke: false }],
    [
      "loses its token when its time is over",
      plan({ ...out, tokenExpiresAt: NOW }),
      { keepToken: false, revoke: true },
    ],
    [
      "loses its token when a new one was asked for",
      plan({ ...out, tokenExpiresAt: null }),
      { revoke: true, incidents: [] },
    ],
    ["loses its token when its node is seen", plan(out, node()), { revoke: true }],
    ["loses its token when it is suspended", plan({ ...out, admission: "suspended" }), { revoke: true }],
    ["loses its token when it is rejected", plan({ ...out, admission: "rejected" }), { revoke: true }],
    ["claims a request before it is approved", plan(out, null, [request()]), { claim: "csr-1", approve: null }],
    [
      "approves what was claimed",
      plan({ ...out, csrName: "csr-1" }, null, [request()]),
      { claim: null, approve: "csr-1" },
    ],
    [
      "approves no other one",
      plan({ ...out, csrName: "csr-0" }, null, [request()]),
      { approve: null, refuse: [{ name: "csr-1" }] },
    ],
    [
      "approves nothing of a machine that is suspended",
      plan({ ...out, admission: "suspended", csrName: "csr-1" }, null, [request()]),
      { approve: null, refuse: [{ name: "csr-1" }] },
    ],
    [
      "lets the kubelet fetch what was issued",
      plan({ ...out, csrName: "csr-1" }, null, [
        request({ state: "approved", issued: true, decidedAt: ago(FETCH_GRACE_MS - 1) }),
      ]),
      { revoke: false },
    ],
    [
      "revokes after it had the time to",
      plan({ ...out, csrName: "csr-1" }, null, [
        request({ state: "approved", issued: true, decidedAt: ago(FETCH_GRACE_MS) }),
      ]),
      { revoke: true, incidents: [] },
    ],
    ["is not present before it carries our taint", plan({}, node()), { edges: [] }],
    [
      "joins and is online once it does and is ready",
      plan({}, ours()),
      { mark: null, edges: ["fullReport", "cleanReport"] },
    ],
    ["joins while it is not ready", plan({}, ours({ readiness: "notReady" })), { edges: ["fullReport"] }],
    ["is online once it is ready", plan({ presence: "joined", nodeUid: "uid-1" }, ours()), { edges: ["cleanReport"] }],
    ["comes back only when it is ready", plan({ presence: "offline" }, ours({ readiness: "notReady" })), { edges: [] }],
    [
      "may take its time to get ready at first",
      plan({ presence: "joined" }, ours({ readiness: "notReady" })),
      { edges: [] },
    ],
    [
      "is offline after two minutes of not being ready",
      plan({ presence: "online" }, ours({ readiness: "notReady", readySince: ago(120_000) })),
      { edges: ["silent"], silentSince: ago(120_000) },
    ],
    [
      "is looked at when that time is over",
      plan({ presence: "online" }, ours({ readiness: "notReady", readySince: ago(119_000) })),
      { edges: [], againAt: later(1_000) },
    ],
    [
      "is offline 80 seconds after the cluster called it silent",
      plan({ presence: "online" }, ours({ readiness: "silent", readySince: ago(80_000) })),
      { edges: ["silent"], silentSince: ago(120_000) },
    ],
    [
      "is offline, told of and forgotten when it is gone",
      plan({ presence: "online", nodeUid: "uid-1" }),
      { edges: ["silent"], observed: { nodeUid: null, ready: null }, incidents: [{ code: "node-gone" }], issue: false },
    ],
    [
      "is no stranger's",
      plan({ presence: "online", nodeUid: "uid-0" }, ours()),
      {
        edges: ["silent"],
        mark: { marks: { taint: null, cordon: "stranger" } },
        observed: { nodeUid: "uid-0", ready: null },
      },
    ],
    [
      "is cordoned while it drains",
      plan({ drain: "draining" }, ours()),
      { mark: { marks: { cordon: "draining", taint: "gpu" } } },
    ],
    ["is cordoned in maintenance", plan({ drain: "maintenance" }, ours()), { mark: { marks: { cordon: "draining" } } }],
    [
      "loses all marks when it is removed",
      plan({ admission: "removed" }, ours()),
      { mark: { marks: stripped("removed") }, againAt: null },
    ],
    [
      "is cordoned on sight after it was removed",
      plan({ admission: "removed" }, node()),
      { mark: { marks: { cordon: "removed" } } },
    ],
    [
      "is told of GPUs that the cluster does not offer",
      plan({ presence: "online" }, ours({ allocatableGpus: 3 })),
      { incidents: [{ code: "capacity-mismatch", data: { declared: 4, allocatable: 3 } }] },
    ],
    [
      "is not told of them while its device plugin starts",
      plan({ presence: "online" }, ours({ allocatableGpus: null, readySince: ago(CAPACITY_SETTLE_MS - 1_000) })),
      { incidents: [], againAt: later(1_000), observed: { allocatableGpus: 0 } },
    ],
  ])("%s", (_law, planned, expected) => expect(planned).toMatchObject(expected));

  const anyFacts = fc.record({
    admission: fc.constantFrom(...ADMISSIONS),
    drain: fc.constantFrom(...DRAINS),
    presence: fc.constantFrom(...PRESENCES),
    tokenId: fc.option(fc.constant("abc123")),
    tokenExpiresAt: fc.option(fc.constantFrom(ago(1), later(60_000))),
    csrName: fc.option(fc.constantFrom("csr-1", "csr-2")),
    nodeUid: fc.option(fc.constantFrom("uid-1", "uid-2")),
    declaredGpus: fc.nat(8),
  });
  const anyNode = fc.option(
    fc
      .record({
        uid: fc.constantFrom("uid-1", "uid-2"),
        readiness: fc.constantFrom(...READINESSES),
        readySince: fc.option(fc.constantFrom(ago(10_000), ago(90_000), ago(600_000))),
        taint: fc.option(fc.constant("gpu")),
        cordoned: fc.boolean(),
      })
      .map(node),
  );
  const anyRequests = fc.uniqueArray(
    fc
      .record({
        name: fc.constantFrom("csr-1", "csr-2", "csr-3"),
        state: fc.constantFrom("pending", "approved", "denied"),
      })
      .map((over) => request(over)),
    { selector: ({ name }) => name },
  );
  test("approves only for the admitted, only what was claimed, and never what it refuses", () => {
    fc.assert(
      fc.property(anyFacts, anyNode, anyRequests, (of, seen, requests) => {
        const planned = plan(of, seen, requests);
        if (planned.approve) {
          expect(of.admission).toBe("approved");
          expect(planned.approve).toBe(of.csrName);
        }
        expect(planned.refuse.map(({ name }) => name)).not.toContain(planned.approve);
        if (planned.claim) expect(of.csrName).toBeNull();
        expect(planned.issue && planned.revoke).toBe(false);
        if (planned.issue) expect([of.admission, of.tokenId, seen]).toEqual(["approved", null, null]);
      }),
      { numRuns: 2_000 },
    );
  });
  test("names no edge that the law of presence does not have, and makes nobody present but the admitted with our taint", () => {
    fc.assert(
      fc.property(anyFacts, anyNode, (of, seen) => {
        let presence = of.presence;
        for (const edge of plan(of, seen).edges) {
          expect(presenceAfter(presence, edge)).not.toBe(presence);
          presence = presenceAfter(presence, edge);
          if (edge !== "silent") expect([of.admission, seen?.taint]).toEqual(["approved", "gpu"]);
        }
      }),
      { numRuns: 2_000 },
    );
  });
  test("does nothing more once all it wanted is done", () => {
    fc.assert(
      fc.property(anyFacts, anyNode, (of, seen) => {
        const first = plan(of, seen);
        if (!seen || !first.mark) return;
        const { marks } = first.mark;
        const cordon = cordonAfter(seen.cordoned, null, marks.cordon);
        const annotations = {
          ...(marks.heartbeat === null ? {} : { [HEARTBEAT]: marks.heartbeat }),
          ...(cordon.note === null ? {} : { "cordoned-by-berth": cordon.note }),
        };
        const after = marked(marks, {
          ...seen,
          labels: { ...marks.labels },
          taint: marks.taint,
          annotations,
          ...cordon,
        });
        expect(plan(of, after).mark).toBeNull();
      }),
    );
  });
});
