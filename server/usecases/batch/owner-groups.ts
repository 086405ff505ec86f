// Owner groups of everybody who was ever here, and who of them is held back because another machine of its owner was caught.
import { DEMO_ANONYMOUS_ACCOUNT } from "../../../domain/demo.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import { decayed, NO_EVIDENCE } from "../../../domain/verification/evidence.ts";
import { ownerGroups } from "../../../domain/verification/groups.ts";
import { caughtOwners, type HeldBackBy, heldBackBy } from "../../../domain/verification/held-back.ts";
import type { Db, Tx } from "../../deps.ts";
import { identities } from "../../repos/batch-dispatch.ts";
import { type CaughtMachine, inQuarantine, standingsOf } from "../../repos/quarantines.ts";

/** Owners, addresses and GPUs change seldom; what is free is read in every round. */
const REMEMBER_GROUPS_MS = 2_000;

export interface OwnerGroups {
  /** false of a machine that came since they were read */
  readonly knows: (id: ProviderId) => boolean;
  readonly of: (id: ProviderId) => string;
  /** machines of a group */
  readonly machinesOf: (group: string) => readonly ProviderId[];
  /** the wallet of a machine; "" where it is not known */
  readonly ownerOf: (id: ProviderId) => string;
  /** groups of an account's own machines */
  readonly ownedBy: (account: string) => ReadonlySet<string>;
}

const known = new WeakMap<Db, { readonly atMs: number; readonly groups: OwnerGroups }>();

/** Groups of everybody who was ever here, read again after two seconds. @param reader where a transaction is open: that one */
export async function groupsNow(db: Db, demo: boolean, reader: Db | Tx = db): Promise<OwnerGroups> {
  const last = known.get(db);
  if (last && performance.now() - last.atMs < REMEMBER_GROUPS_MS) return last.groups;
  const groups = await readGroups(reader, demo);
  known.set(db, { atMs: performance.now(), groups });
  return groups;
}

export async function readGroups(db: Db | Tx, demo: boolean): Promise<OwnerGroups> {
  const all = await identities(db, demo);
  const byProvider = ownerGroups(all, { demo });
  const owned = new Map<string, Set<string>>();
  for (const { providerId, owner, payout } of all)
    for (const account of new Set([owner, payout])) {
      const group = byProvider.get(providerId) ?? providerId;
      owned.set(account, (owned.get(account) ?? new Set()).add(group));
    }
  // Everybody who is not logged in speaks for one account in a demo: that makes no two of them one.
  if (demo) owned.delete(DEMO_ANONYMOUS_ACCOUNT);
  const members = new Map<string, ProviderId[]>();
  for (const [id, group] of byProvider) {
    const there = members.get(group);
    if (there) there.push(id);
    else members.set(group, [id]);
  }
  const owners = new Map(all.map(({ providerId, owner }) => [providerId, owner]));
  return {
    knows: (id) => byProvider.has(id),
    of: (id) => byProvider.get(id) ?? id,
    machinesOf: (group) => members.get(group) ?? [],
    ownerOf: (id) => owners.get(id) ?? "",
    ownedBy: (account) => owned.get(account) ?? NONE,
  };
}

const NONE: ReadonlySet<string> = new Set();

/** Machines that get the broker's checks only, and for what; those in quarantine get nothing at all, and may be among them. */
export type HeldBack = ReadonlyMap<ProviderId, HeldBackBy>;

/** @param caught machines in quarantine, all of which the groups know */
export async function heldBackAmong(
  db: Db | Tx,
  groups: OwnerGroups,
  caught: readonly CaughtMachine[],
  now: Date,
  demo: boolean,
): Promise<HeldBack> {
  if (caught.length === 0) return new Map();
  const belonging = (id: ProviderId) => ({ owner: groups.ownerOf(id), group: groups.of(id) });
  const those = caught.map(({ id, runtime }) => ({ ...belonging(id), runtime }));
  const owners = caughtOwners(those, { demo });
  // An account is in one group with all its machines, but for that of a demo which nobody is logged in to.
  const asked = new Set(those.map(({ group }) => group));
  const standings = await standingsOf(db, [...asked].flatMap(groups.machinesOf));
  const held = new Map<ProviderId, HeldBackBy>();
  for (const { id, runtime, verified, bad, at } of standings) {
    const evidence = at ? decayed({ verified, bad, at }, now) : NO_EVIDENCE;
    const by = heldBackBy({ ...belonging(id), runtime, evidence }, owners);
    if (by) held.set(id, by);
  }
  return held;
}

/** @param about machines that are asked about, and may have come this moment */
export async function heldBackNow(
  db: Db,
  now: Date,
  demo: boolean,
  { about = [], reader = db }: { readonly about?: readonly ProviderId[]; readonly reader?: Db | Tx } = {},
): Promise<HeldBack> {
  const caught = await inQuarantine(reader);
  if (caught.length === 0) return new Map();
  const remembered = await groupsNow(db, demo, reader);
  const isKnown = [...caught.map(({ id }) => id), ...about].every(remembered.knows);
  const groups = isKnown ? remembered : await readGroups(reader, demo);
  return heldBackAmong(reader, groups, caught, now, demo);
}
