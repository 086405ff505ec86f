// What Redis answers about streams, read with care: lists of lists, and fields as a flat list of names and values.

export interface StreamEntry {
  /** `<ms>-<n>` */
  readonly id: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** The entries of XREADGROUP for one stream; null where the wait ended without any. */
export function entriesRead(reply: unknown): StreamEntry[] {
  const [first] = list(reply);
  return entries(list(first)[1]);
}

/** XAUTOCLAIM: where to go on, and what was claimed. Entries that were deleted meanwhile are left out by Redis. */
export function entriesClaimed(reply: unknown): { readonly next: string; readonly claimed: StreamEntry[] } {
  const [next, claimed] = list(reply);
  return { next: String(next ?? "0-0"), claimed: entries(claimed) };
}

/** XPENDING with a range: deliveries by entry. */
export function deliveries(reply: unknown): Map<string, number> {
  return new Map(list(reply).map((row) => [String(list(row)[0]), Number(list(row)[3])]));
}

/** The smallest id that is still pending, from XPENDING's summary. */
export function oldestPending(reply: unknown): string | null {
  const [count, oldest] = list(reply);
  return Number(count) > 0 && typeof oldest === "string" ? oldest : null;
}

/** XINFO GROUPS and XINFO CONSUMERS: a record each. */
export function records(reply: unknown): Record<string, unknown>[] {
  return list(reply).map((row) => pairs(list(row)));
}

function entries(reply: unknown): StreamEntry[] {
  return list(reply).flatMap((item) => {
    const [id, fields] = list(item);
    if (typeof id !== "string") return [];
    const named = Object.entries(pairs(list(fields))).map(([name, value]) => [name, String(value)] as const);
    return [{ id, fields: Object.fromEntries(named) }];
  });
}

function pairs(flat: readonly unknown[]): Record<string, unknown> {
  const record: Record<string, unknown> = Object.create(null);
  for (let at = 0; at + 1 < flat.length; at += 2) record[String(flat[at])] = flat[at + 1];
  return record;
}

function list(reply: unknown): readonly unknown[] {
  return Array.isArray(reply) ? reply : [];
}
