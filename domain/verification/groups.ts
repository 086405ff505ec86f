// Who counts as one voter: accounts and machines that share a wallet, a GPU, a machine or a network.
import { DEMO_ANONYMOUS_ACCOUNT } from "../demo.ts";
import type { ProviderId } from "../ids.ts";
import { networkOf } from "./network.ts";

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
 * addresses join nobody. In a demo machine and addresses join nobody, nor does the account of those who are not logged in.
 * The name of a group is the same whatever order they come in: its least provider id.
 */
export function ownerGroups(all: readonly Identity[], rules: GroupRules): ReadonlyMap<ProviderId, string> {
  const parent = new Map<ProviderId, ProviderId>();
  const root = (id: ProviderId): ProviderId => {
    let at = id;
    for (let above = parent.get(at); above !== undefined && above !== at; above = parent.get(at)) {
      const next = parent.get(above) ?? above;
      parent.set(at, next); // halves the path, so that the next look is short
      at = next;
    }
    return at;
  };
  const firstWith = new Map<string, ProviderId>();
  for (const identity of all) {
    const { providerId } = identity;
    if (!parent.has(providerId)) parent.set(providerId, providerId);
    for (const trait of traitsOf(identity, rules)) {
      const other = firstWith.get(trait);
      if (other === undefined) firstWith.set(trait, providerId);
      else {
        const [name, joining] = [root(other), root(providerId)].sort();
        if (name && joining) parent.set(joining, name); // the least id stays on top: it is the name
      }
    }
  }
  return new Map([...parent.keys()].map((id) => [id, root(id)]));
}

function traitsOf({ owner, payout, gpuUuids, machine, addresses }: Identity, { demo }: GroupRules): string[] {
  const wallets = [owner, payout].map(plain).filter((wallet) => !demo || wallet !== DEMO_ANONYMOUS_ACCOUNT);
  const networks = demo ? [] : addresses.map(networkOf).filter((network) => network !== null);
  const traits = [
    ...wallets.filter(Boolean).map((wallet) => `wallet ${wallet}`),
    ...gpuUuids
      .map(plain)
      .filter(Boolean)
      .map((uuid) => `gpu ${uuid}`),
    ...networks.map((network) => `network ${network}`),
  ];
  if (!demo && machine !== null && machine.trim() !== "") traits.push(`machine ${machine.trim()}`);
  return traits;
}

const plain = (text: string) => text.trim().toLowerCase();
