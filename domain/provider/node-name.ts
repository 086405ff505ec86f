// The name that the broker issues to a machine that joins its cluster.
import type { ProviderId } from "../ids.ts";

/** Longest DNS label, RFC 1123. */
const LONGEST_LABEL = 63;
const PART_OF_ID = 8;

/**
 * A DNS label that people recognise and nobody else has: the provider's name made safe, and the random end of its id.
 * Issued, never claimed: the machine has no say in it.
 */
export function issuedNodeName(name: string, id: ProviderId): string {
  const suffix = id.slice(-PART_OF_ID);
  const safe = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, LONGEST_LABEL - suffix.length - 1)
    .replace(/^-+|-+$/g, "");
  return `${safe || "node"}-${suffix}`;
}
