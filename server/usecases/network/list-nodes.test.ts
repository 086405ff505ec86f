import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { formatId, type ProviderId } from "../../../domain/ids.ts";
import { NODE_SORTS, NODE_STATUSES, type NodeSort, STANDINGS } from "../../../domain/provider/node-status.ts";
import type { NetworkNodeView } from "../../../protocol/node-views.ts";
import { JobBody } from "../../../protocol/operations/job.ts";
import type { NodesQuery } from "../../../protocol/operations/node.ts";
import { systemIds } from "../../adapters/system/ids.ts";
import type { Clock, Ids } from "../../deps.ts";
import { nodeRows } from "../../repos/network.ts";
import { shown } from "../../repos/providers.ts";
import { submitEither } from "../../testing/batch-world.ts";
import { address, openWorld, START, type World } from "../../testing/world.ts";
import { heldBackNow } from "../batch/owner-groups.ts";
import { countFoundNodes, listNodes } from "./list-nodes.ts";
import { toNetworkNodeView } from "./node-view.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 }); // hundreds of pages, and a busy machine takes its time for each

const FLEET = 1_200;
const SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsABgH5C9okWi0dh2l9GKJl me@home";
let world: World;
/** all of them, as each node shows itself */
let all: NetworkNodeView[];

beforeAll(async () => {
  world = await openWorld({}, { idsOf: counted });
  await world.customer(1);
  const first = await world.provider({ name: "first", gpus: 0, owner: address(1) });
  await copies(first);
  await world.db.execute(sql`
    insert into provider_evidence (provider_id, verified, bad, at, jobs_run, jobs_good, jobs_failed, quarantined_at)
    select id, n % 60, n % 3, ${START.toISOString()}::timestamptz - n * interval '1 hour', n % 9,
      least(n % 4, n % 9), (n % 9 - least(n % 4, n % 9)) * (n % 2), case when n % 13 = 0 then ${START.toISOString()}::timestamptz end
    from (select id, row_number() over (order by id) as n from providers) p where n % 5 <> 0`);
  await world.db.execute(sql`
    insert into offers select (jsonb_populate_record(null::offers, o.made || jsonb_build_object('provider_id', p.id, 'gpu_model', 'NVIDIA H100', 'vram_mb', 81920))).*
    from (select to_jsonb(one) as made from offers one limit 1) o cross join (select id, row_number() over (order by id) as n from providers) p where n % 4 = 0`);
  await world.db.execute(sql`
    insert into external_workers (provider_id, owner, node_id, name, region, gpu_enabled, gpu_model)
    select id, owner, 'worker-' || n, case when n % 2 = 0 then 'Unit ö ' else repeat('ß', 200) end || n, 'South 100%', n % 3 = 0, 'RTX_4090'
    from (select id, owner, row_number() over (order by id) as n from providers) p where n % 7 = 0`);
  await occupy(first);
  const rows = await nodeRows(world.db, await shown(world.db, sql`admission = 'approved'`, 10_000));
  const now = world.deps.clock.now();
  const held = await heldBackNow(world.db, now, true);
  all = rows.map((row) => toNetworkNodeView(row, held.get(row.shown.provider.id) ?? null, now));
});
afterAll(() => world[Symbol.asyncDispose]());

/** Ids in the order in which they are made, so that the fleet, which is drawn up by the order of ids, is the same in every run. */
function counted(clock: Clock): Ids {
  const count = Buffer.alloc(10);
  const next: Ids["next"] = (prefix) => {
    count.writeUInt32BE(count.readUInt32BE(6) + 1, 6);
    return formatId(prefix, clock.now().getTime(), count);
  };
  return { ...systemIds(clock), next };
}

/** The first machine many times over, each standing otherwise. */
async function copies(first: ProviderId): Promise<void> {
  const times = Array.from({ length: FLEET }, () => world.deps.ids.next("prov"));
  await world.db.execute(sql`
    insert into providers select (jsonb_populate_record(p, jsonb_build_object(
      'id', made.id, 'name', 'machine-' || (made.n * 7 % ${FLEET}), 'public_key', made.id, 'external_id', null,
      'reputation', made.n % 40, 'region', case when made.n % 8 < 4 then 'eu-north' else 'us-east' end,
      'runtime', case when made.n % 6 = 0 then 'docker' else 'process' end,
      'presence', case made.n % 5 when 0 then 'offline' when 1 then 'joined' else 'online' end,
      'drain', case when made.n % 11 = 0 then 'draining' else 'none' end,
      'admission', case when made.n % 100 = 0 then 'suspended' else 'approved' end))).*
    from providers p cross join (
      select value as id, row_number() over ()::int as n from jsonb_array_elements_text(${JSON.stringify(times)}::jsonb)) made
    where p.id = ${first}`);
}

/** A rental of the first machine, and the same again on others. */
async function occupy(first: ProviderId): Promise<void> {
  const renter = await world.customer(2);
  const wish = { provider_id: first, gpu_count: 0, cpu_cores: 1, memory_gb: 1, storage_gb: 1, duration_hours: 1 };
  await submitEither(world.deps, renter, JobBody.parse({ kind: "rental", ssh_public_key: SSH_KEY, ...wish }), null);
  await world.db.execute(sql`
    insert into executions select (jsonb_populate_record(e, jsonb_build_object(
      'id', replace(p.id, 'prov_', 'exec_'), 'provider_id', p.id, 'attempt', 1 + p.n))).*
    from executions e cross join (select id, row_number() over (order by id)::int as n from providers) p where p.n % 3 = 0`);
}

/** Read as the console and the command line do, page by page. */
async function everyPage(query: NodesQuery): Promise<NetworkNodeView[]> {
  const nodes: NetworkNodeView[] = [];
  let cursor: string | undefined;
  do {
    const page = await listNodes(world.deps, { limit: 100, ...query, cursor });
    nodes.push(...page.nodes);
    cursor = page.next_cursor ?? undefined;
    expect((cursor ?? "").length).toBeLessThan(400);
  } while (cursor !== undefined);
  return nodes;
}
const idsOf = (nodes: readonly NetworkNodeView[]) => nodes.map(({ provider_id: id }) => id);

/** What an order is by, from most to least. */
const MEASURES: Readonly<Record<Exclude<NodeSort, "name" | "newest">, (node: NetworkNodeView) => number>> = {
  verified: ({ evidence }) => Math.round(evidence.verified * 1e9),
  reputation: ({ reputation_score: score }) => score,
  success: ({ success_rate: rate }) => rate ?? -1,
  jobs: ({ total_jobs_run: jobs }) => jobs,
};

test("whatever the order, every one of more than a thousand nodes comes once, page by page, in that order", async () => {
  expect(all.length).toBeGreaterThan(1_000);
  for (const sort of NODE_SORTS) {
    const nodes = await everyPage({ sort });
    expect([sort, idsOf(nodes).sort()]).toEqual([sort, idsOf(all).sort()]);
    if (sort === "newest") expect(idsOf(nodes)).toEqual(idsOf(all).sort().reverse());
    else if (sort === "name") {
      const names = nodes.map(({ name }) => name.toLowerCase().slice(0, 40));
      expect(names).toEqual([...names].sort());
    } else {
      const values = nodes.map(MEASURES[sort]);
      expect([sort, values]).toEqual([sort, [...values].sort((a, b) => b - a)]);
    }
  }
});

test("each filter leaves the nodes that show what it asks for, and the count is of those", async () => {
  const standing = ({ evidence }: NetworkNodeView) =>
    evidence.quarantined ? "quarantined" : evidence.proven ? "proven" : "newcomer";
  const cases: [NodesQuery, (node: NetworkNodeView) => boolean][] = [
    ...NODE_STATUSES.map((status): (typeof cases)[number] => [{ status }, (node) => node.status === status]),
    ...STANDINGS.map((one): (typeof cases)[number] => [{ standing: one }, (node) => standing(node) === one]),
    [{ runtime: "docker" }, ({ runtime }) => runtime === "docker"],
    [{ gpu: true }, (node) => node.gpu_enabled],
    [{ gpu: false }, (node) => !node.gpu_enabled],
    [{ region: "South 100%" }, ({ region }) => region === "South 100%"],
    [{ search: "UNIT ö 4" }, ({ name }) => name.toLowerCase().includes("unit ö 4")],
    [{ search: "h100" }, ({ gpus }) => gpus.some(({ model }) => model.includes("H100"))],
    [{ search: "x_4" }, ({ gpu_model: model }) => model === "RTX_4090"],
    [{ search: "0%" }, ({ region }) => region === "South 100%"],
    [
      { status: "busy", standing: "proven", gpu: true, region: "eu-north", search: "chine-1" },
      (node) =>
        node.status === "busy" &&
        standing(node) === "proven" &&
        node.gpu_enabled &&
        node.region === "eu-north" &&
        /chine-1/.test(`${node.name} ${node.provider_name}`),
    ],
  ];
  for (const [query, fits] of cases) {
    const wanted = idsOf(all.filter(fits)).sort();
    expect([query, wanted.length > 0]).toEqual([query, true]);
    expect([query, idsOf(await everyPage({ ...query, sort: "reputation" })).sort()]).toEqual([query, wanted]);
    expect([query, (await countFoundNodes(world.deps, query)).found]).toEqual([query, wanted.length]);
  }
  expect((await countFoundNodes(world.deps, {})).regions).toEqual([...new Set(all.map(({ region }) => region))].sort());
});

test("what is known of nodes decays, and their order by it stays the same order, page after page", async () => {
  const before = await everyPage({ sort: "verified" });
  const page = await listNodes(world.deps, { sort: "verified", limit: 50 });
  world.pass(40 * 86_400_000);
  const next = await listNodes(world.deps, { sort: "verified", limit: 50, cursor: page.next_cursor ?? "" });
  expect(idsOf([...page.nodes, ...next.nodes])).toEqual(idsOf(before.slice(0, 100)));
  const known = (nodes: readonly NetworkNodeView[]) => nodes.reduce((sum, { evidence }) => sum + evidence.verified, 0);
  expect(known(await everyPage({ sort: "verified" }))).toBeLessThan(known(before) / 2);
});

test("a place in one order is none in another", async () => {
  const { next_cursor: cursor } = await listNodes(world.deps, { sort: "jobs", limit: 1 });
  const wrong = listNodes(world.deps, { sort: "reputation", limit: 1, cursor: cursor ?? "" });
  await expect(wrong).rejects.toMatchObject({ code: "bad-request", extras: { fields: [{ field: "cursor" }] } });
});
