// Double entry: every movement of money is a posting whose entries sum to zero within each kind of funds.
import { splitFee } from "./charge.ts";
import { type Purse, total } from "./purse.ts";

export const POSTING_KINDS = ["promotion", "hold", "charge", "release", "refund"] as const;
export type PostingKind = (typeof POSTING_KINDS)[number];
export const BOOKS = ["available", "held", "earned", "platform"] as const;
export type Book = (typeof BOOKS)[number];
export type Funds = "cash" | "promotion";

/** One account of the ledger: a customer's two purses, a provider owner's earnings, the platform's fees and promotion. */
export interface LedgerAccount {
  readonly book: Book;
  /** a wallet address, or `fees` and `promotion` of the platform */
  readonly owner: string;
}

export interface Entry extends LedgerAccount {
  readonly funds: Funds;
  /** micro-USD; positive is into the account */
  readonly amount: bigint;
}

const FUNDS = ["cash", "promotion"] as const satisfies readonly Funds[];

function move(from: LedgerAccount, to: LedgerAccount, purse: Purse): Entry[] {
  return FUNDS.flatMap((funds) =>
    purse[funds] === 0n
      ? []
      : [
          { ...from, funds, amount: -purse[funds] },
          { ...to, funds, amount: purse[funds] },
        ],
  );
}

/** Grants promotion to a customer. */
export function grantEntries(customer: string, amount: bigint): Entry[] {
  return move(
    { book: "platform", owner: "promotion" },
    { book: "available", owner: customer },
    { cash: 0n, promotion: amount },
  );
}

export function holdEntries(customer: string, purse: Purse): Entry[] {
  return move({ book: "available", owner: customer }, { book: "held", owner: customer }, purse);
}

export function releaseEntries(customer: string, purse: Purse): Entry[] {
  return move({ book: "held", owner: customer }, { book: "available", owner: customer }, purse);
}

/**
 * Books a charge out of what is held: the floored fee to the platform, the rest to the provider's owner.
 * Both kinds of funds are split alike: what was promotion stays promotion.
 * @param booked what was charged to the job before: the fee is floored over the whole, so slices sum to it
 */
export function chargeEntries(customer: string, owner: string, purse: Purse, booked: Purse, feeBps: number): Entry[] {
  return FUNDS.flatMap((funds) => {
    const amount = purse[funds];
    if (amount === 0n) return [];
    const fee = splitFee(booked[funds] + amount, feeBps).fee - splitFee(booked[funds], feeBps).fee;
    const entries: Entry[] = [
      { book: "held", owner: customer, funds, amount: -amount },
      { book: "earned", owner, funds, amount: amount - fee },
      { book: "platform", owner: "fees", funds, amount: fee },
    ];
    return entries.filter((entry) => entry.amount !== 0n);
  });
}

/** True where the entries sum to zero within each kind of funds. */
export function isBalanced(entries: readonly Entry[]): boolean {
  return FUNDS.every((funds) => entries.filter((e) => e.funds === funds).reduce((sum, e) => sum + e.amount, 0n) === 0n);
}

/** Whether anything moves at all. */
export function moves(purse: Purse): boolean {
  return total(purse) !== 0n;
}
