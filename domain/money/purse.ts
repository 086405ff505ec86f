// Two kinds of funds, one order: promotion is spent first, cash is given back first to whom it came from.

/** micro-USD of each kind. Promotion can be spent but never withdrawn. */
export interface Purse {
  readonly cash: bigint;
  readonly promotion: bigint;
}

export const EMPTY_PURSE: Purse = { cash: 0n, promotion: 0n };

export function total(purse: Purse): bigint {
  return purse.cash + purse.promotion;
}

export function add(a: Purse, b: Purse): Purse {
  return { cash: a.cash + b.cash, promotion: a.promotion + b.promotion };
}

export function subtract(a: Purse, b: Purse): Purse {
  return { cash: a.cash - b.cash, promotion: a.promotion - b.promotion };
}

/**
 * Takes `amount` out of a purse, promotion first.
 * @returns what is taken of each kind, or null where the purse does not cover it
 */
export function take(purse: Purse, amount: bigint): Purse | null {
  if (amount < 0n || amount > total(purse)) return null;
  const promotion = amount < purse.promotion ? amount : purse.promotion;
  return { promotion, cash: amount - promotion };
}
