// Who counts as one voter: a wallet with all its machines, and wallets that share a network, a payout or a GPU.
import { DEMO_ANONYMOUS_ACCOUNT } from "../demo.ts";
import type { ProviderId } from "../ids.ts";
import { networkOf } from "./network.ts";

export interface Identity {
  readonly providerId: ProviderId;
  /** the wallet that owns it: the only one of these that nobody can claim for somebody else */
  readonly owner: string;
  /** where it is paid; the owner's wallet where nothing else is set */
  readonly payout: string;
  /** as its agent reports them */
  readonly gpuUuids: readonly string[];
  /** the address that customers reach it on */
  readonly host: string;
  /** addresses that a third-party worker called from: seen, not claimed */
  readonly calledFrom: readonly string[];
}

export interface GroupRules {
  /** all machines of a demo are one machine, and that is no evidence */
  readonly demo: boolean;
}

/** What several wallets may share. Networks come first: they are the dearest to claim falsely, as customers use the address. */
interface Trait {
  readonly text: string;
  readonly rank: number;
}

interface Voter {
  /** in order, so that the first is the oldest */
  readonly providerIds: ProviderId[];
  readonly traits: Map<string, Trait>;
}

/**
 * All machines of a wallet are one voter. Wallets join by one trait each: of those that they share with another wallet by the
 * public IPv4 /24 (IPv6 /48) of their host, else by a payout, else by a GPU's UUID; of several by that which was there first. So
 * two wallets are in one group only where both have the same trait, whatever anybody else claims: a liar joins one group, and
 * can be no bridge between two. Private addresses join nobody; in a demo neither do networks, nor the account of those who
 * are not logged in. The name of a group is its least provider id, in whatever order they come.
 */
export function ownerGroups(all: readonly Identity[], rules: GroupRules): ReadonlyMap<ProviderId, string> {
  const voters = votersOf(all, rules);
  const holders = new Map<string, ProviderId[]>();
  for (const { providerIds, traits } of voters)
    for (const text of traits.keys()) holders.set(text, [...(holders.get(text) ?? []), ...providerIds.slice(0, 1)]);
  const groups = new Map<string, Voter[]>();
  for (const voter of voters) {
    const key = linkOf(voter, holders) ?? `alone ${voter.providerIds[0]}`;
    const group = groups.get(key);
    if (group) group.push(voter);
    else groups.set(key, [voter]);
  }
  const names = new Map<ProviderId, string>();
  for (const group of groups.values()) {
    const ids = group.flatMap(({ providerIds }) => providerIds).sort();
    for (const id of ids) names.set(id, ids[0] ?? id);
  }
  return names;
}

/** The oldest first. */
function votersOf(all: readonly Identity[], rules: GroupRules): Voter[] {
  const voters = new Map<string, Voter>();
  const sorted = [...all].sort((a, b) => (a.providerId < b.providerId ? -1 : a.providerId > b.providerId ? 1 : 0));
  for (const identity of sorted) {
    const wallet = plain(identity.owner);
    const key = isSomebody(wallet, rules) ? `wallet ${wallet}` : `machine ${identity.providerId}`;
    const voter: Voter = voters.get(key) ?? { providerIds: [], traits: new Map() };
    voters.set(key, voter);
    voter.providerIds.push(identity.providerId);
    for (const trait of traitsOf(identity, rules)) voter.traits.set(trait.text, trait);
  }
  return [...voters.values()];
}

/** The one trait by which a voter joins others; null where it shares none. @param holders oldest machines of voters, by trait */
function linkOf({ traits }: Voter, holders: ReadonlyMap<string, readonly ProviderId[]>): string | null {
  let best: { readonly text: string; readonly rank: number; readonly since: string } | null = null;
  for (const { text, rank } of traits.values()) {
    const [first, second] = holders.get(text) ?? [];
    if (first === undefined || second === undefined) continue;
    const since = `${first} ${second} ${text}`;
    if (best === null || rank < best.rank || (rank === best.rank && since < best.since)) best = { text, rank, since };
  }
  return best?.text ?? null;
}

function traitsOf({ owner, payout, gpuUuids, host, calledFrom }: Identity, rules: GroupRules): Trait[] {
  const networks = rules.demo ? [] : [host, ...calledFrom].map(networkOf).filter((network) => network !== null);
  const wallets = [owner, payout].map(plain).filter((wallet) => isSomebody(wallet, rules));
  const uuids = gpuUuids.map(plain).filter(Boolean);
  return [
    ...networks.map((network) => ({ text: `network ${network}`, rank: 0 })),
    ...wallets.map((wallet) => ({ text: `wallet ${wallet}`, rank: 1 })),
    ...uuids.map((uuid) => ({ text: `gpu ${uuid}`, rank: 2 })),
  ];
}

/** Not the account of those who are not logged in to a demo. @param wallet as `plain` makes it */
export function isSomebody(wallet: string, { demo }: GroupRules): boolean {
  return wallet !== "" && !(demo && wallet === DEMO_ANONYMOUS_ACCOUNT);
}

export const plain = (text: string) => text.trim().toLowerCase();
