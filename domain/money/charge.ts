// What time costs: the one formula that every booking, page and receipt uses.

/**
 * Price of what a job holds over the half-open span [from, to) less the outage in it, in whole seconds.
 * Rounds down. Book charge(start, now) minus what is booked, and slices sum to the whole.
 * @param rate micro-USD per hour for everything the job holds
 * @param outageMs time within the span in which the provider was out of reach
 * @returns micro-USD; 0 for a negative span (clocks may disagree, money may not)
 */
export function charge(rate: bigint, from: Date, to: Date, outageMs = 0): bigint {
  return (rate * BigInt(billedSeconds(from, to, outageMs))) / 3600n;
}

/** Whole seconds of [from, to) less the outage; never negative. */
export function billedSeconds(from: Date, to: Date, outageMs = 0): number {
  return Math.max(0, Math.floor((to.getTime() - from.getTime() - Math.max(0, outageMs)) / 1000));
}

/** The full price of `hours` at `rate` (micro-USD per hour): what is held before the start. */
export function priceOfHours(rate: bigint, hours: number): bigint {
  return rate * BigInt(hours);
}

/**
 * Splits a charge between provider and platform.
 * @param feeBps platform fee in basis points; the fee is floored, the provider gets the rest
 */
export function splitFee(amount: bigint, feeBps: number): { fee: bigint; provider: bigint } {
  const fee = (amount * BigInt(feeBps)) / 10_000n;
  return { fee, provider: amount - fee };
}
