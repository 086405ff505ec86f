// The list of nodes: filtered, sorted and paged where the rows are. What each shows is read for one page alone.
import { and, asc, count, desc, eq, inArray, type SQL, sql } from "drizzle-orm";
import type { ProviderId } from "../../domain/ids.ts";
import type { NodeSort, NodeStatus, Standing } from "../../domain/provider/node-status.ts";
import type { Runtime } from "../../domain/provider/state.ts";
import { RULES } from "../../domain/verification/constants.ts";
import { holdings, providerEvidence } from "../../drizzle/schema/batch.ts";
import { externalWorkers } from "../../drizzle/schema/external-worker.ts";
import { offers, providers } from "../../drizzle/schema/provider.ts";
import type { Db } from "../deps.ts";
import { matching } from "./matching.ts";
import { type NodeRow, nodeRows } from "./network.ts";
import { shown } from "./providers.ts";

/** null and "": whichever it is */
export interface NodeFilter {
  readonly status: NodeStatus | null;
  readonly standing: Standing | null;
  readonly runtime: Runtime | null;
  readonly hasGpu: boolean | null;
  readonly region: string;
  /** part of a name, an id, an owner's address, a region or a GPU model */
  readonly search: string;
}

/** Where a page ends: the last node's place in the order, as the database writes it. */
export interface NodePlace {
  readonly key: string;
  readonly id: ProviderId;
}

const { verified, at, jobsRun, jobsGood, jobsFailed, quarantinedAt } = providerEvidence;

// What a node shows of itself where it is a third-party worker, and what it is here otherwise: as `toNetworkNodeView`.
const name = sql`coalesce(${externalWorkers.name}, ${providers.name})`;
const region = sql<string>`coalesce(${externalWorkers.region}, ${providers.region})`;
const offered = sql`exists (select 1 from ${offers} where ${offers.providerId} = ${providers.id} and ${offers.gpuModel} <> '')`;
const works = sql`exists (select 1 from ${holdings} where ${holdings.providerId} = ${providers.id})`;

const online = sql`${providers.presence} = 'online'`;
const idles = sql`${providers.drain} <> 'none' or ${quarantinedAt} is not null`;

/** As `nodeStatus` of `providerStatus`. */
const STATUS_IS = {
  online: sql`${online} and not ${works} and not (${idles})`,
  busy: sql`${online} and ${works}`,
  offline: sql`not (${online} and (${works} or not (${idles})))`,
} as const satisfies Record<NodeStatus, SQL>;

/** What everything known decays to within the half-life is the same share: its order never changes by waiting. */
const evidenceOrder = sql`case when ${verified} > 0
  then ln(${verified}) + extract(epoch from ${at})::float8 / ${RULES.halfLifeDays * 86_400}::float8 * ln(2::float8)
  else '-infinity'::float8 end`;

interface Order {
  readonly key: SQL;
  readonly upwards: boolean;
  readonly read: (text: string) => SQL;
}
const asNumber = (text: string) => sql`${text}::float8`;
const asText = (text: string) => sql`${text}::text`;

const ORDERS = {
  verified: { key: sql`coalesce(${evidenceOrder}, '-infinity'::float8)`, upwards: false, read: asNumber },
  reputation: { key: sql`${providers.reputation}`, upwards: false, read: asNumber },
  // Who ran nothing comes after whoever failed at everything.
  success: {
    key: sql`coalesce(${jobsGood}::float8 / nullif(${jobsGood} + ${jobsFailed}, 0), -1)`,
    upwards: false,
    read: asNumber,
  },
  jobs: { key: sql`coalesce(${jobsRun}, 0)`, upwards: false, read: asNumber },
  // As much of a name as a cursor has room for.
  name: { key: sql`left(lower(${name}), 40) collate "C"`, upwards: true, read: asText },
  newest: { key: sql`${providers.id}`, upwards: false, read: asText },
} as const satisfies Record<NodeSort, Order>;

/** Decayed to now, as `isProven`. */
function isProven(now: Date): SQL {
  const days = sql`greatest(0, extract(epoch from ${now.toISOString()}::timestamptz - ${at}))::float8 / 86400`;
  const left = sql`power(0.5::float8, ${days} / ${RULES.halfLifeDays}::float8)`;
  return sql`coalesce(floor(${verified} * ${left} + 0.5) >= ${RULES.provenAt}::float8, false)`;
}

function standingIs(standing: Standing, now: Date): SQL {
  if (standing === "quarantined") return sql`${quarantinedAt} is not null`;
  const proven = isProven(now);
  return sql`${quarantinedAt} is null and ${standing === "proven" ? proven : sql`not ${proven}`}`;
}

function fitting({ status, standing, runtime, hasGpu, region: where, search }: NodeFilter, now: Date): SQL | undefined {
  const enabled = sql`coalesce(${externalWorkers.gpuEnabled}, ${offered})`;
  const models = sql`(select string_agg(${offers.gpuModel}, ' ') from ${offers} where ${offers.providerId} = ${providers.id})`;
  const { nodeId, gpuModel } = externalWorkers;
  return and(
    eq(providers.admission, "approved"),
    status === null ? undefined : STATUS_IS[status],
    standing === null ? undefined : standingIs(standing, now),
    runtime === null ? undefined : eq(providers.runtime, runtime),
    hasGpu === null ? undefined : hasGpu ? enabled : sql`not ${enabled}`,
    where === "" ? undefined : eq(region, where),
    search === ""
      ? undefined
      : matching(search, [name, region, providers.owner, providers.id, nodeId, gpuModel, models]),
  );
}

/** Admitted nodes after a place. @returns with each its own place */
export async function listNodeRows(
  db: Db,
  page: { filter: NodeFilter; sort: NodeSort; after: NodePlace | null; limit: number; now: Date },
): Promise<(NodePlace & { readonly node: NodeRow })[]> {
  const { key, upwards, read }: Order = ORDERS[page.sort];
  const { after } = page;
  const than = upwards ? sql`>` : sql`<`;
  const beyond = after && sql`(${key}, ${providers.id}) ${than} (${read(after.key)}, ${after.id})`;
  const order = upwards ? asc : desc;
  const places = await db
    .select({ id: providers.id, key: sql<string>`(${key})::text` })
    .from(providers)
    .leftJoin(providerEvidence, eq(providerEvidence.providerId, providers.id))
    .leftJoin(externalWorkers, eq(externalWorkers.providerId, providers.id))
    .where(and(fitting(page.filter, page.now), beyond ?? undefined))
    .orderBy(order(key), order(providers.id))
    .limit(page.limit);
  const ids = places.map(({ id }) => id);
  const nodes = ids.length === 0 ? [] : await nodeRows(db, await shown(db, inArray(providers.id, ids), ids.length));
  const nodeOf = new Map(nodes.map((node) => [node.shown.provider.id, node]));
  return places.flatMap((place) => {
    const node = nodeOf.get(place.id);
    return node ? [{ ...place, node }] : [];
  });
}

export async function countNodes(db: Db, filter: NodeFilter, now: Date): Promise<number> {
  const [row] = await db
    .select({ count: count() })
    .from(providers)
    .leftJoin(providerEvidence, eq(providerEvidence.providerId, providers.id))
    .leftJoin(externalWorkers, eq(externalWorkers.providerId, providers.id))
    .where(fitting(filter, now));
  return row?.count ?? 0;
}

/** Of admitted nodes, from A to Z. */
export async function regionsOfNodes(db: Db): Promise<string[]> {
  const rows = await db
    .selectDistinct({ region })
    .from(providers)
    .leftJoin(externalWorkers, eq(externalWorkers.providerId, providers.id))
    .where(eq(providers.admission, "approved"));
  return rows.flatMap(({ region: one }) => (one ? [one] : [])).sort();
}
