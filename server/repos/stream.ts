// Machines as the streams name them: by their own name or by ours, what was heard of them, and tickets to be answered.
import { and, asc, eq, gt, inArray, isNotNull, or, sql } from "drizzle-orm";
import { isId, type ProviderId } from "../../domain/ids.ts";
import { providerNodes, providerPresence, providers } from "../../drizzle/schema/provider.ts";
import type { Db } from "../deps.ts";

const COLUMNS = {
  id: providers.id,
  externalId: providers.externalId,
  owner: providers.owner,
  publicKey: providers.publicKey,
  admission: providers.admission,
  presence: providers.presence,
  drain: providers.drain,
  runtime: providers.runtime,
  memoryGb: providers.memoryGb,
};

/** Machines by the names that messages carry: their own, or `prov_…`. */
export async function machinesByName(db: Db, names: readonly string[]): Promise<Map<string, StreamMachine>> {
  if (names.length === 0) return new Map();
  const ours = names.filter((name) => isId("prov", name));
  const rows = await db
    .select(COLUMNS)
    .from(providers)
    .where(or(inArray(providers.externalId, [...names]), inArray(providers.id, ours)));
  const found = new Map<string, StreamMachine>();
  for (const row of rows) {
    if (row.externalId !== null) found.set(row.externalId, row);
    found.set(row.id, row);
  }
  return found;
}
export type StreamMachine = Pick<typeof providers.$inferSelect, keyof typeof COLUMNS>;

export interface Heard {
  readonly seq: number;
  /** the stream entry that carried it; null where it came another way */
  readonly entry: string | null;
}

/** The last message that was taken of each machine. */
export async function lastHeard(db: Db, ids: readonly ProviderId[]): Promise<Map<ProviderId, Heard>> {
  const rows = await db
    .select({
      providerId: providerPresence.providerId,
      seq: providerPresence.seq,
      entry: sql<string | null>`${providerPresence.usage}->>'entry'`,
    })
    .from(providerPresence)
    .where(inArray(providerPresence.providerId, [...ids]));
  return new Map(rows.map(({ providerId, ...heard }) => [providerId, heard]));
}

/** Tickets to the cluster that were issued and not yet sent on their machine's stream. */
export async function unansweredTickets(db: Db, now: Date, limit: number) {
  return db
    .select({ machine: COLUMNS, node: providerNodes })
    .from(providerNodes)
    .innerJoin(providers, eq(providers.id, providerNodes.providerId))
    .where(
      and(
        isNotNull(providers.externalId),
        eq(providers.admission, "approved"),
        isNotNull(providerNodes.tokenId),
        gt(providerNodes.tokenExpiresAt, now),
        sql`${providerNodes.tokenId} is distinct from ${providerNodes.answeredTokenId}`,
      ),
    )
    .orderBy(asc(providerNodes.providerId))
    .limit(limit);
}

/** The ticket went out; another one that was issued meanwhile is still to be sent. */
export async function markAnswered(db: Db, providerId: ProviderId, tokenId: string): Promise<void> {
  await db
    .update(providerNodes)
    .set({ answeredTokenId: tokenId })
    .where(and(eq(providerNodes.providerId, providerId), eq(providerNodes.tokenId, tokenId)));
}

/** A machine that registers again may have lost its answer: its ticket is sent once more. */
export async function forgetAnswer(db: Db, providerId: ProviderId): Promise<void> {
  await db.update(providerNodes).set({ answeredTokenId: null }).where(eq(providerNodes.providerId, providerId));
}
