// Law 8: what creates or spends happens once per key; a twin waits for the first and gets its answer.
import { createHash } from "node:crypto";
import { and, eq, isNotNull } from "drizzle-orm";
import { AppError } from "../../domain/errors.ts";
import { idempotency } from "../../drizzle/schema/account.ts";
import type { Db, Tx } from "../deps.ts";

export interface Attempt {
  readonly account: string;
  readonly operation: string;
  /** chosen by the caller; without one every attempt is its own */
  readonly key: string | null;
  /** what was asked; the same key with another request is refused */
  readonly request: unknown;
}

/** Rolls a transaction back without being an error to anyone. */
class NothingDone extends Error {}

/**
 * Runs `work` in a transaction that opens with the key's row: a twin waits on the unique index, then gets the stored
 * answer. `null` from `work`, or an error, undoes everything, the key's row included.
 * @param work its answer must survive JSON
 * @throws AppError `idempotency-mismatch` where the key stands for another request
 */
export async function once<T>(
  db: Db,
  attempt: Attempt,
  now: Date,
  work: (tx: Tx) => Promise<T | null>,
): Promise<T | null> {
  const { account, operation, key, request } = attempt;
  try {
    return await db.transaction(async (tx) => {
      if (key === null) return doneOrUndone(await work(tx));
      const row = { account, operation, key, requestHash: requestHash(request), createdAt: now };
      const mine = await tx.insert(idempotency).values(row).onConflictDoNothing().returning({ key: idempotency.key });
      if (mine.length === 0) return doneOrUndone(await recall<T>(tx, attempt));
      const answer = doneOrUndone(await work(tx));
      await tx.update(idempotency).set({ response: { answer } }).where(keyOf(attempt, key));
      return answer;
    });
  } catch (error) {
    if (error instanceof NothingDone) return null;
    throw error;
  }
}

/**
 * The stored answer of an earlier attempt with this key, or null.
 * @throws AppError `idempotency-mismatch` where the key stands for another request
 */
export async function recall<T>(db: Db | Tx, attempt: Attempt): Promise<T | null> {
  if (attempt.key === null) return null;
  const [row] = await db
    .select({ requestHash: idempotency.requestHash, response: idempotency.response })
    .from(idempotency)
    .where(and(keyOf(attempt, attempt.key), isNotNull(idempotency.response)));
  if (!row) return null;
  if (row.requestHash !== requestHash(attempt.request))
    throw new AppError("idempotency-mismatch", "This Idempotency-Key was already used with another request.");
  return (row.response as { answer: T }).answer; // written by `once` for this very operation
}

function keyOf({ account, operation }: Attempt, key: string) {
  return and(eq(idempotency.account, account), eq(idempotency.operation, operation), eq(idempotency.key, key));
}

function doneOrUndone<T>(answer: T | null): T {
  if (answer === null) throw new NothingDone();
  return answer;
}

/** SHA-256 of canonical JSON: keys in order, absent ones left out, bigints by their digits. */
function requestHash(request: unknown): string {
  return createHash("sha256").update(canonical(request)).digest("hex");
}

function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_key, part: unknown) => {
      if (typeof part === "bigint") return `${part}n`;
      if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
      return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
    }) ?? ""
  );
}
