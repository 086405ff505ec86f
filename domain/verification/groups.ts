// Who counts as one voter: accounts and machines that share a wallet, a GPU, a machine or a network.
import type { ProviderId } from "../ids.ts";

export interface Identity {
  readonly providerId: ProviderId;
  /** the wallet that owns it */
  readonly owner: string;
  /** where it is paid; the owner's wallet where nothing else is set */
  readonly payout: string;
  readonly gpuUuids: readonly string[];
  /** what the machine calls itself; null where nobody knows */
  readonly machine: string | null;
  /** the address customers reach it on, and those it reports */
  readonly addresses: readonly string[];
}

export interface GroupRules {
  /** all machines of a demo are one machine, and that is no evidence */
  readonly demo: boolean;
}

/**
 * Union-find over wallet, payout, GPU UUID, machine and public IPv4 /24 (IPv6 /48). Loopback, private, link-local and CGNAT
 * addresses join nobody. The name of a group is the same whatever order they come in: its least provider id.
 */
export function ownerGroups(_all: readonly Identity[], _rules: GroupRules): ReadonlyMap<ProviderId, string> {
  throw new Error("UNBUILT");
}
