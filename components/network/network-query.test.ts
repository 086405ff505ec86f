import { expect, test } from "vitest";
import type { NetworkNodeView } from "../../protocol/node-views.ts";
import { decayedCount, networkHref, readNodeQuery, share, shownNodes } from "./network-query.ts";

function node(over: Partial<NetworkNodeView> & { readonly name: string }): NetworkNodeView {
  return {
    ...{ id: over.name, provider_id: `prov_${over.name}`, provider_name: over.name, region: "eu-north" },
    ...{ cpu_cores: 4, memory_gb: 8, gpu_enabled: false, status: "online", reputation_score: 100 },
    ...{ total_jobs_run: 0, successful_jobs_run: 0, failed_jobs: 0, credits_earned: 0 },
    ...{ last_heartbeat: "2026-03-01T00:00:00Z", registered_at: "2026-03-01T00:00:00Z" },
    ...{ provider_status: "available", owner: `0x${"1".repeat(40)}`, owner_short: "0x1111…1111" },
    ...{ runtime: "process", gpus: [], success_rate: null },
    evidence: {
      ...{ verified: 0, bad: 0, streak: 0, error_rate: 0.1, proven: false, quarantined: false },
      quarantine_reason: null,
    },
    ...over,
  };
}
const evidence = node({ name: "x" }).evidence;

test("what makes no sense in the address is left out", () => {
  const query = readNodeQuery({
    status: "gone",
    sort: "luck",
    page: "-1",
    region: " ",
    standing: ["proven", "newcomer"],
  });
  expect(query).toEqual({ status: null, standing: "proven", gpu: false, region: null, sort: "verified", page: 1 });
});

test("a link says only what is not usual, and another filter begins at the first page", () => {
  const query = readNodeQuery({ status: "busy", page: "3" });
  expect(networkHref(query, { gpu: true })).toBe("/network?status=busy&gpu=1");
  expect(networkHref(query, { page: 4 })).toBe("/network?status=busy&page=4");
  expect(networkHref(readNodeQuery({}), {})).toBe("/network");
  expect(readNodeQuery(Object.fromEntries(new URLSearchParams("status=busy&page=4")))).toEqual({ ...query, page: 4 });
});

test("filters hold together; a quarantined node is no proven one, however much it knows", () => {
  const nodes = [
    node({ name: "a", evidence: { ...evidence, proven: true } }),
    node({ name: "b", evidence: { ...evidence, proven: true, quarantined: true } }),
    node({ name: "c", status: "busy", gpu_enabled: true }),
  ];
  const names = (params: Record<string, string>) =>
    shownNodes(nodes, readNodeQuery(params)).nodes.map(({ name }) => name);
  expect(names({ standing: "proven" })).toEqual(["a"]);
  expect(names({ standing: "quarantined" })).toEqual(["b"]);
  expect(names({ gpu: "1", status: "busy" })).toEqual(["c"]);
  expect(names({ gpu: "1", status: "online" })).toEqual([]);
});

test("who has run nothing comes after whoever failed at everything, and ties go by name", () => {
  const nodes = [node({ name: "new" }), node({ name: "bad", success_rate: 0 }), node({ name: "also" })];
  const shown = shownNodes(nodes, readNodeQuery({ sort: "success" }));
  expect(shown.nodes.map(({ name }) => name)).toEqual(["bad", "also", "new"]);
});

test("pages hold every node once", () => {
  const nodes = Array.from({ length: 60 }, (_, n) => node({ name: `n${n}` }));
  const seen = [1, 2, 3].flatMap((page) => shownNodes(nodes, readNodeQuery({ page: String(page) })).nodes);
  expect(new Set(seen.map(({ name }) => name)).size).toBe(60);
  expect(shownNodes(nodes, readNodeQuery({})).pages).toBe(3);
});

test("a share is never rounded up to a promise", () => {
  expect([share(1), share(0.9999), share(0.5), share(0)]).toEqual(["100 %", "99.9 %", "50.0 %", "0.0 %"]);
});

test("decayed counts have a figure after the point while they are small", () => {
  expect([decayedCount(0), decayedCount(1.96), decayedCount(211.7)]).toEqual(["0.0", "2.0", "212"]);
});
