// Money in the database: locked balances, holds, and the postings that explain every change of them.
import { and, desc, eq, inArray, lt, sql } from "drizzle-orm";
import { AppError } from "../../domain/errors.ts";
import type { JobId } from "../../domain/ids.ts";
import { formatMicros } from "../../domain/money/micros.ts";
import {
  chargeEntries,
  type Entry,
  grantEntries,
  holdEntries,
  moves,
  type PostingKind,
  releaseEntries,
} from "../../domain/money/posting.ts";
import { EMPTY_PURSE, type Purse, take, total } from "../../domain/money/purse.ts";
import { accounts } from "../../drizzle/schema/account.ts";
import { holds } from "../../drizzle/schema/job.ts";
import { entries, postings } from "../../drizzle/schema/ledger.ts";
import type { Db, Ids, Tx } from "../deps.ts";

interface Posting {
  readonly kind: PostingKind;
  readonly jobId: JobId | null;
  readonly description: string;
  readonly at: Date;
}

/** Books a posting with its entries; both are sent before either is answered, in this order. */
export async function post(tx: Tx, ids: Ids, posting: Posting, lines: readonly Entry[]): Promise<void> {
  const id = ids.next("post");
  await Promise.all([
    tx.insert(postings).values({ id, ...posting }),
    tx.insert(entries).values(lines.map((line) => ({ postingId: id, ...line }))),
  ]);
}

/** Locks the account's balances until the transaction ends. @returns what it may spend. */
export async function lockBalance(tx: Tx, account: string): Promise<Purse> {
  const [row] = await tx
    .select({ cash: accounts.availableCash, promotion: accounts.availablePromotion })
    .from(accounts)
    .where(eq(accounts.address, account))
    .for("update");
  if (!row) throw new AppError("not-found", "the account does not exist");
  return row;
}

/** Changes an account's balances, which must be locked, by these amounts. */
export async function shift(tx: Tx, account: string, available: Purse, held: Purse): Promise<void> {
  await tx
    .update(accounts)
    .set({
      availableCash: sql`${accounts.availableCash} + ${available.cash}`,
      availablePromotion: sql`${accounts.availablePromotion} + ${available.promotion}`,
      heldCash: sql`${accounts.heldCash} + ${held.cash}`,
      heldPromotion: sql`${accounts.heldPromotion} + ${held.promotion}`,
    })
    .where(eq(accounts.address, account));
}

export const negative = (purse: Purse): Purse => ({ cash: -purse.cash, promotion: -purse.promotion });

/** Grants promotion money; the caller sees to it that it happens once. */
export async function grantPromotion(tx: Tx, ids: Ids, account: string, amount: bigint, at: Date): Promise<void> {
  if (amount <= 0n) return;
  await shift(tx, account, { cash: 0n, promotion: amount }, EMPTY_PURSE);
  const description = "Promotion at the first login";
  await post(tx, ids, { kind: "promotion", jobId: null, description, at }, grantEntries(account, amount));
}

interface HoldWish {
  readonly account: string;
  readonly jobId: JobId;
  /** micro-USD */
  readonly amount: bigint;
  readonly description: string;
  readonly at: Date;
}

/**
 * Sets money aside for a job, promotion first; adds to the job's hold where there is one.
 * The account must be locked.
 * @throws AppError `insufficient-funds`
 */
export async function addHold(tx: Tx, ids: Ids, balance: Purse, wish: HoldWish): Promise<void> {
  const purse = take(balance, wish.amount);
  if (!purse)
    throw new AppError(
      "insufficient-funds",
      `This needs $${formatMicros(wish.amount)} set aside, and $${formatMicros(total(balance))} is available.`,
    );
  await shift(tx, wish.account, negative(purse), purse);
  await tx
    .insert(holds)
    .values({
      id: ids.next("hold"),
      jobId: wish.jobId,
      account: wish.account,
      heldCash: purse.cash,
      heldPromotion: purse.promotion,
    })
    .onConflictDoUpdate({
      target: holds.jobId,
      set: {
        heldCash: sql`${holds.heldCash} + ${purse.cash}`,
        heldPromotion: sql`${holds.heldPromotion} + ${purse.promotion}`,
      },
    });
  if (moves(purse))
    await post(
      tx,
      ids,
      { kind: "hold", jobId: wish.jobId, description: wish.description, at: wish.at },
      holdEntries(wish.account, purse),
    );
}

interface Booking {
  readonly jobId: JobId;
  /** the provider's owner */
  readonly owner: string;
  /** micro-USD for the whole span so far */
  readonly upTo: bigint;
  readonly feeBps: number;
  readonly description: string;
  readonly at: Date;
}

/**
 * Books what a job costs so far, less what is booked: cumulative, so slices sum to the whole and a twin books nothing.
 * The customer's account must be locked.
 */
export async function bookCharge(tx: Tx, ids: Ids, booking: Booking): Promise<void> {
  const [hold] = await tx.select().from(holds).where(eq(holds.jobId, booking.jobId)).for("update");
  if (!hold) throw new Error(`job ${booking.jobId} has no hold`);
  const booked: Purse = { cash: hold.takenCash, promotion: hold.takenPromotion };
  const held: Purse = { cash: hold.heldCash, promotion: hold.heldPromotion };
  const due = booking.upTo - total(booked);
  if (due <= 0n) return;
  const purse = take(held, due);
  if (!purse) throw new Error(`job ${booking.jobId} costs more than was held for it`);
  await tx
    .update(holds)
    .set({
      heldCash: held.cash - purse.cash,
      heldPromotion: held.promotion - purse.promotion,
      takenCash: booked.cash + purse.cash,
      takenPromotion: booked.promotion + purse.promotion,
    })
    .where(eq(holds.id, hold.id));
  await shift(tx, hold.account, EMPTY_PURSE, negative(purse));
  const { jobId, description, at } = booking;
  const lines = chargeEntries(hold.account, booking.owner, purse, booked, booking.feeBps);
  await post(tx, ids, { kind: "charge", jobId, description, at }, lines);
}

/** Gives back what is left of a job's hold; a second time there is nothing left. The account must be locked. */
export async function releaseHold(tx: Tx, ids: Ids, jobId: JobId, at: Date): Promise<void> {
  const [hold] = await tx.select().from(holds).where(eq(holds.jobId, jobId)).for("update");
  if (!hold || hold.releasedAt) return;
  const purse: Purse = { cash: hold.heldCash, promotion: hold.heldPromotion };
  await tx.update(holds).set({ heldCash: 0n, heldPromotion: 0n, releasedAt: at }).where(eq(holds.id, hold.id));
  if (!moves(purse)) return;
  await shift(tx, hold.account, purse, negative(purse));
  const description = "What was not used goes back";
  await post(tx, ids, { kind: "release", jobId, description, at }, releaseEntries(hold.account, purse));
}

/** An account's balances and sums, micro-USD. */
export async function balanceOf(db: Db | Tx, account: string) {
  const [row] = await db.select().from(accounts).where(eq(accounts.address, account));
  const [sums] = await db
    .select({
      earned: sql<string>`coalesce(sum(${entries.amount}) filter (where ${entries.book} = 'earned'), 0)`,
      spent: sql<string>`coalesce(-sum(${entries.amount}) filter (where (${entries.book}, ${postings.kind}) in (('held', 'charge'), ('available', 'refund'))), 0)`,
    })
    .from(entries)
    .innerJoin(postings, eq(postings.id, entries.postingId))
    .where(eq(entries.owner, account));
  return {
    available: (row?.availableCash ?? 0n) + (row?.availablePromotion ?? 0n),
    availablePromotion: row?.availablePromotion ?? 0n,
    held: (row?.heldCash ?? 0n) + (row?.heldPromotion ?? 0n),
    earned: BigInt(sums?.earned ?? 0),
    spent: BigInt(sums?.spent ?? 0),
  };
}

const CUSTOMER_BOOKS = ["available", "held", "earned"] as const;

/** An account's entries, newest first, before an id. */
export function entriesOf(
  db: Db | Tx,
  account: string,
  page: { beforeId: number | null; jobId: JobId | null; limit: number },
) {
  return db
    .select({
      id: entries.id,
      postingId: entries.postingId,
      book: sql<(typeof CUSTOMER_BOOKS)[number]>`${entries.book}`,
      funds: entries.funds,
      amount: entries.amount,
      kind: postings.kind,
      jobId: postings.jobId,
      description: postings.description,
      at: postings.at,
    })
    .from(entries)
    .innerJoin(postings, eq(postings.id, entries.postingId))
    .where(
      and(
        eq(entries.owner, account),
        inArray(entries.book, [...CUSTOMER_BOOKS]),
        page.beforeId === null ? undefined : lt(entries.id, page.beforeId),
        page.jobId === null ? undefined : eq(postings.jobId, page.jobId),
      ),
    )
    .orderBy(desc(entries.id))
    .limit(page.limit);
}
