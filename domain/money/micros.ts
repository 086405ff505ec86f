// Money between people and the machine: bigint micro-USD inside, decimal strings with 6 places outside.

const DECIMAL = /^(-?)(\d{1,12})\.(\d{6})$/;

/** 1 USD in micro-USD. */
export const USD = 1_000_000n;

/** Formats micro-USD as a decimal string of USD with 6 places: 389000n → "0.389000". */
export function formatMicros(micros: bigint): string {
  const sign = micros < 0n ? "-" : "";
  const absolute = micros < 0n ? -micros : micros;
  return `${sign}${absolute / USD}.${String(absolute % USD).padStart(6, "0")}`;
}

/**
 * Reads a decimal string of USD with exactly 6 places.
 * @returns micro-USD, or null where the text is no such string
 */
export function parseMicros(text: string): bigint | null {
  const match = DECIMAL.exec(text);
  if (!match) return null;
  const [, sign, whole = "0", fraction = "0"] = match;
  const value = BigInt(whole) * USD + BigInt(fraction);
  return sign ? -value : value;
}
