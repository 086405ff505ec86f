// Money set aside for a batch job: on its own row, explained by a posting like any other.
import { AppError } from "../../domain/errors.ts";
import type { JobId } from "../../domain/ids.ts";
import { formatMicros } from "../../domain/money/micros.ts";
import { holdEntries, moves } from "../../domain/money/posting.ts";
import { type Purse, take, total } from "../../domain/money/purse.ts";
import type { Ids, Tx } from "../deps.ts";
import { negative, post, shift } from "./ledger.ts";

export interface BatchHold {
  readonly account: string;
  readonly jobId: JobId;
  readonly description: string;
  readonly at: Date;
}

/**
 * What a hold takes from a balance, promotion first.
 * @param amount micro-USD
 * @throws AppError `insufficient-funds`
 */
export function batchPurse(balance: Purse, amount: bigint): Purse {
  const purse = take(balance, amount);
  if (purse) return purse;
  throw new AppError(
    "insufficient-funds",
    `This needs $${formatMicros(amount)} set aside, and $${formatMicros(total(balance))} is available.`,
  );
}

/** Moves it from what is available to what is held, and books that. The account must be locked; the job's row says the same. */
export async function holdForBatch(tx: Tx, ids: Ids, hold: BatchHold, purse: Purse): Promise<void> {
  if (!moves(purse)) return;
  const { account, jobId, description, at } = hold;
  await Promise.all([
    shift(tx, account, negative(purse), purse),
    post(tx, ids, { kind: "hold", jobId, description, at }, holdEntries(account, purse)),
  ]);
}
