// When a price alert is due: at the edge from nothing to something, and again after it went away. No hysteresis.

export interface AlertStep {
  /** something that fits costs no more than what was asked, now */
  readonly alerting: boolean;
  /** an alert is due: it was not so at the last look */
  readonly fires: boolean;
}

/**
 * @param was whether the last look found something at the price
 * @param atOrBelow micro-USD; null where no alert is wanted
 * @param lowestPrice micro-USD of the cheapest that fits and could be rented now; null for none
 */
export function alertStep(was: boolean, atOrBelow: bigint | null, lowestPrice: bigint | null): AlertStep {
  const alerting = atOrBelow !== null && lowestPrice !== null && lowestPrice <= atOrBelow;
  return { alerting, fires: alerting && !was };
}
