// What should run on agents' machines. Every real change moves the provider's generation and wakes its long poll.
import { asc, eq, sql } from "drizzle-orm";
import type { ExecutionId, ProviderId } from "../../domain/ids.ts";
import { executions } from "../../drizzle/schema/job.ts";
import { desiredExecutions, providers } from "../../drizzle/schema/provider.ts";
import type { Db, Tx } from "../deps.ts";

export interface DesiredExecution {
  readonly executionId: ExecutionId;
  readonly providerId: ProviderId;
  readonly sealedSpec: string;
}

/** The topic that wakes whoever answers this provider. */
export function desiredTopic(providerId: ProviderId): string {
  return `desired:${providerId}`;
}

/** @returns false where it was there already, just so */
export async function putDesired(tx: Tx, wanted: DesiredExecution): Promise<boolean> {
  await lockGeneration(tx, wanted.providerId);
  const written = await tx
    .insert(desiredExecutions)
    .values(wanted)
    .onConflictDoUpdate({
      target: desiredExecutions.executionId,
      set: { sealedSpec: wanted.sealedSpec },
      setWhere: sql`${desiredExecutions.sealedSpec} <> excluded.sealed_spec`,
    })
    .returning({ id: desiredExecutions.executionId });
  if (written.length === 0) return false;
  await moveGeneration(tx, wanted.providerId);
  return true;
}

/** @returns false where it was not there */
export async function dropDesired(tx: Tx, executionId: ExecutionId): Promise<boolean> {
  const there = await findDesired(tx, executionId);
  if (!there) return false;
  await lockGeneration(tx, there.providerId);
  const dropped = await tx
    .delete(desiredExecutions)
    .where(eq(desiredExecutions.executionId, executionId))
    .returning({ id: desiredExecutions.executionId });
  if (dropped.length === 0) return false;
  await moveGeneration(tx, there.providerId);
  return true;
}

export async function findDesired(db: Db | Tx, executionId: ExecutionId): Promise<DesiredExecution | null> {
  const [row] = await db.select().from(desiredExecutions).where(eq(desiredExecutions.executionId, executionId));
  return row ?? null;
}

/**
 * The whole desired set of a provider, with the generation it belongs to and the real end of what runs: one snapshot.
 * @returns null where there is no such provider
 */
export async function listDesired(db: Db | Tx, providerId: ProviderId) {
  const rows = await db
    .select({
      generation: providers.generation,
      admission: providers.admission,
      presence: providers.presence,
      drain: providers.drain,
      executionId: desiredExecutions.executionId,
      sealedSpec: desiredExecutions.sealedSpec,
      expiresAt: executions.expiresAt,
    })
    .from(providers)
    .leftJoin(desiredExecutions, eq(desiredExecutions.providerId, providers.id))
    .leftJoin(executions, eq(executions.id, desiredExecutions.executionId))
    .where(eq(providers.id, providerId))
    .orderBy(asc(desiredExecutions.executionId));
  const [first] = rows;
  if (!first) return null;
  return {
    generation: first.generation,
    admission: first.admission,
    presence: first.presence,
    drain: first.drain,
    wanted: rows.flatMap(({ executionId, sealedSpec, expiresAt }) =>
      executionId !== null && sealedSpec !== null ? [{ executionId, sealedSpec, expiresAt }] : [],
    ),
  };
}

/** Law 8's order, kept even where the provider is only counted up. */
async function lockGeneration(tx: Tx, providerId: ProviderId): Promise<void> {
  await tx.select({ id: providers.id }).from(providers).where(eq(providers.id, providerId)).for("no key update");
}

async function moveGeneration(tx: Tx, providerId: ProviderId): Promise<void> {
  await tx
    .update(providers)
    .set({ generation: sql`${providers.generation} + 1` })
    .where(eq(providers.id, providerId));
  await tx.execute(sql`select pg_notify('berth', ${desiredTopic(providerId)})`);
}
