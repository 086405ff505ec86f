// Ids: a prefix that says what the thing is, and 26 lower-case base-32 characters that sort by time.

export const ID_PREFIXES = ["prov", "gpu", "job", "exec", "hold", "key", "post", "mnt", "srch", "reg"] as const;
export type IdPrefix = (typeof ID_PREFIXES)[number];
export type Id<P extends IdPrefix> = `${P}_${string}`;
export type ProviderId = Id<"prov">;
export type GpuId = Id<"gpu">;
export type JobId = Id<"job">;
export type ExecutionId = Id<"exec">;
export type HoldId = Id<"hold">;
export type KeyId = Id<"key">;
export type PostingId = Id<"post">;
export type MaintenanceId = Id<"mnt">;
export type SavedSearchId = Id<"srch">;
export type RegistryLoginId = Id<"reg">;

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"; // Crockford's base 32, lower case
const BODY = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/;

/**
 * Formats an id: 48 bits of time, then 80 bits of randomness (the ULID layout, lower case).
 * @param atMs milliseconds since the epoch, 0 … 2^48 − 1
 * @param random at least 10 random bytes
 */
export function formatId<P extends IdPrefix>(prefix: P, atMs: number, random: Uint8Array): Id<P> {
  if (random.length < 10) throw new RangeError("an id needs 10 random bytes");
  let bits = BigInt(Math.trunc(atMs));
  for (let i = 0; i < 10; i++) bits = (bits << 8n) | BigInt(random[i] ?? 0);
  let body = "";
  for (let i = 0; i < 26; i++) {
    body = ALPHABET.charAt(Number(bits & 31n)) + body;
    bits >>= 5n;
  }
  return `${prefix}_${body}`;
}

export function isId<P extends IdPrefix>(prefix: P, text: string): text is Id<P> {
  return text.startsWith(`${prefix}_`) && BODY.test(text.slice(prefix.length + 1));
}
