// The node side of providers: issued names and tokens, and what the cluster shows of them.
import { and, eq, inArray, type SQL, sql } from "drizzle-orm";
import type { ProviderId } from "../../domain/ids.ts";
import type { NodeFacts } from "../../domain/node/plan.ts";
import { events } from "../../drizzle/schema/event.ts";
import { providerNodes, providerPresence, providers } from "../../drizzle/schema/provider.ts";
import type { Db, Tx } from "../deps.ts";
import { desiredTopic } from "./desired.ts";

export type NodeRow = typeof providerNodes.$inferSelect;
export type NodeSet = Partial<Omit<NodeRow, "providerId" | "nodeName" | "nextReconcileAt" | "reconcileAttempts">>;

/** A machine that is to join the cluster gets its name with its enrolment. */
export async function insertNode(tx: Tx, providerId: ProviderId, nodeName: string): Promise<void> {
  await tx.insert(providerNodes).values({ providerId, nodeName });
}

/** Makes the node side of a provider due. @returns false where it has none */
export async function wakeNode(tx: Tx, providerId: ProviderId, now: Date): Promise<boolean> {
  const woken = await tx
    .update(providerNodes)
    .set({ nextReconcileAt: now, reconcileAttempts: 0 })
    .where(eq(providerNodes.providerId, providerId))
    .returning({ id: providerNodes.providerId });
  return woken.length > 0;
}

export async function findNode(db: Db | Tx, providerId: ProviderId): Promise<NodeRow | null> {
  const [row] = await db.select().from(providerNodes).where(eq(providerNodes.providerId, providerId));
  return row ?? null;
}

/** The rows of a node with all that a decision about it needs. */
function loaded(db: Db | Tx, where: SQL | undefined) {
  return db
    .select({
      node: providerNodes,
      provider: {
        id: providers.id,
        name: providers.name,
        admission: providers.admission,
        drain: providers.drain,
        presence: providers.presence,
      },
      lastSeenAt: providerPresence.lastSeenAt,
      gpus: sql<number>`(select count(*)::int from gpus g where g.provider_id = ${providers.id} and g.present)`,
      gpuModel: sql<string | null>`(select g.model from gpus g where g.provider_id = ${providers.id} and g.present
        group by g.model order by count(*) desc, g.model limit 1)`,
      activeJobs: sql<number>`(select count(*)::int from holdings h where h.provider_id = ${providers.id})`,
    })
    .from(providerNodes)
    .innerJoin(providers, eq(providers.id, providerNodes.providerId))
    .leftJoin(providerPresence, eq(providerPresence.providerId, providers.id))
    .where(where);
}
export type LoadedNode = Awaited<ReturnType<typeof loaded>>[number];

export async function loadNode(db: Db | Tx, id: ProviderId): Promise<LoadedNode | null> {
  const [row] = await loaded(db, eq(providerNodes.providerId, id));
  return row ?? null;
}

export function loadAllNodes(db: Db): Promise<LoadedNode[]> {
  return loaded(db, undefined);
}

export function factsOf({ node, provider, lastSeenAt, gpus, gpuModel, activeJobs }: LoadedNode): NodeFacts {
  const { admission, drain, presence } = provider;
  const { nodeName, tokenId, tokenExpiresAt, csrName, nodeUid } = node;
  return {
    ...{ providerId: provider.id, admission, drain, presence },
    ...{ nodeName, tokenId, tokenExpiresAt, csrName, nodeUid },
    ...{ declaredGpus: gpus, gpuModel, activeJobs, lastSeenAt },
  };
}

/**
 * Writes what was decided from what was loaded, unless somebody changed that since. The provider is locked: every
 * change of these columns happens under its lock. A wake that came since keeps its time.
 * @returns false where somebody was faster, and nothing was written
 */
export async function writeNode(
  tx: Tx,
  { node, provider }: LoadedNode,
  set: NodeSet,
  againAt: Date | null,
): Promise<boolean> {
  const now = await loadNode(tx, node.providerId);
  if (!now || decidedFrom(now.node) !== decidedFrom(node)) return false;
  const { admission, drain, presence } = now.provider;
  if (admission !== provider.admission || drain !== provider.drain || presence !== provider.presence) return false;
  const again = againAt?.toISOString() ?? null;
  const before = node.nextReconcileAt?.toISOString() ?? null;
  await tx
    .update(providerNodes)
    .set({
      ...set,
      reconcileAttempts: 0,
      nextReconcileAt: sql`case when ${providerNodes.nextReconcileAt} is distinct from ${before}::timestamptz
        then least(${providerNodes.nextReconcileAt}, ${again}::timestamptz) else ${again}::timestamptz end`,
    })
    .where(eq(providerNodes.providerId, node.providerId));
  return true;
}

/** The columns that a decision stands on or changes. */
function decidedFrom({
  seenAt: _1,
  nextReconcileAt: _2,
  reconcileAttempts: _3,
  answeredTokenId: _4,
  ...rest
}: NodeRow): string {
  return JSON.stringify(rest);
}

/** Backoff of a node that stays due: 2 s doubling to a minute, with jitter. */
const BACKOFF = sql`interval '1 millisecond' * (least(60000, 2000 * power(2, least(reconcile_attempts, 10))) * (0.75 + random() / 2))`;

/** Claims due nodes and pushes their time forward: several sweeps at once share them. */
export async function claimDueNodes(db: Db, now: Date, limit: number): Promise<ProviderId[]> {
  const at = now.toISOString();
  const rows = await db.execute<{ id: ProviderId }>(sql`
    update provider_nodes set reconcile_attempts = reconcile_attempts + 1, next_reconcile_at = ${at}::timestamptz + ${BACKOFF}
    where provider_id in (
      select provider_id from provider_nodes where next_reconcile_at <= ${at}::timestamptz
      order by next_reconcile_at limit ${limit} for update skip locked)
    returning provider_id as id`);
  return rows.map(({ id }) => id);
}

/** Whose node has this name, or whose token is out under this id. */
export async function providerOfNode(
  db: Db,
  by: { readonly nodeName: string } | { readonly tokenId: string },
): Promise<ProviderId | null> {
  const where = "nodeName" in by ? eq(providerNodes.nodeName, by.nodeName) : eq(providerNodes.tokenId, by.tokenId);
  const [row] = await db.select({ id: providerNodes.providerId }).from(providerNodes).where(where);
  return row?.id ?? null;
}

/** Whom a token was issued to, though it is revoked by now. */
export async function providerOfOldToken(db: Db, tokenId: string): Promise<string | null> {
  const [row] = await db
    .select({ subject: events.subject })
    .from(events)
    .where(and(eq(events.code, "join-issued"), sql`${events.data}->>'token' = ${tokenId}`))
    .limit(1);
  return row?.subject ?? null;
}

/** The newest event of these codes about a subject; of those that hold this data, where it is given. */
export async function lastEvent(
  tx: Tx,
  subject: string,
  codes: readonly string[],
  data: Readonly<Record<string, string | number>> = {},
) {
  const [row] = await tx
    .select({ code: events.code, data: events.data })
    .from(events)
    .where(
      and(
        eq(events.subject, subject),
        inArray(events.code, [...codes]),
        sql`${events.data} @> ${JSON.stringify(data)}::jsonb`,
      ),
    )
    .orderBy(sql`${events.id} desc`)
    .limit(1);
  return row ?? null;
}

/** Tells the machine's agent, where one listens, that there is something new for it. */
export async function wakeAgentOf(tx: Tx, providerId: ProviderId): Promise<void> {
  await tx.execute(sql`select pg_notify('berth', ${desiredTopic(providerId)})`);
}
