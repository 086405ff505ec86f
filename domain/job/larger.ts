// What to rent next time, where a rental was too small.
import { REASONS, type ReasonCode } from "./reasons.ts";

/** What of a rental can be too small, in GB. */
export interface Sizes {
  readonly memoryGb: number;
  readonly storageGb: number;
}

/** Most that the wire takes, in GB; offers may sell less. */
export const MOST_SIZES: Sizes = { memoryGb: 4096, storageGb: 65_536 };

/**
 * The next power of two above what was rented, or the most that is sold where that is less.
 * @returns null where nothing larger is sold
 */
export function nextSize(rented: number, most: number): number | null {
  let size = 1;
  while (size <= rented) size *= 2;
  const next = Math.min(size, most);
  return next > rented ? next : null;
}

/**
 * The sizes to rent after an end, where a larger rental would have gone on.
 * @returns null where size was not what ended it, or nothing larger is sold
 */
export function largerSizes(reason: ReasonCode, rented: Sizes, sold: Sizes = MOST_SIZES): Sizes | null {
  if (reason === "out-of-memory") {
    const memoryGb = nextSize(rented.memoryGb, sold.memoryGb);
    return memoryGb === null ? null : { ...rented, memoryGb };
  }
  if (reason === "out-of-disk") {
    const storageGb = nextSize(rented.storageGb, sold.storageGb);
    return storageGb === null ? null : { ...rented, storageGb };
  }
  return null;
}

/** The remedy of a reason, with the size to rent where there is one. */
export function remedyOf(reason: ReasonCode, rented: Sizes, larger: Sizes | null): string {
  const { remedy } = REASONS[reason];
  if (reason !== "out-of-memory" && reason !== "out-of-disk") return remedy;
  const [had, next, what] =
    reason === "out-of-memory"
      ? [rented.memoryGb, larger?.memoryGb, "memory"]
      : [rented.storageGb, larger?.storageGb, "storage"];
  if (next === undefined) return `${remedy} No offer like it has more than ${had} GB of ${what} free now.`;
  return `${remedy} It had ${had} GB; ${next} GB is the next size.`;
}
