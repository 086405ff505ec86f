// Who could run batch jobs: machines with what is free on them now, their owner groups, and what is known of them.
import { DEMO_ANONYMOUS_ACCOUNT } from "../../../domain/demo.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import type { PanelClass } from "../../../domain/job/batch.ts";
import type { Runtime } from "../../../domain/provider/state.ts";
import { decayed, type Evidence, NO_EVIDENCE } from "../../../domain/verification/evidence.ts";
import { ownerGroups } from "../../../domain/verification/groups.ts";
import type { Db, Tx } from "../../deps.ts";
import { identities, type MachineOffer, machineOffers } from "../../repos/batch-dispatch.ts";

/** Owners, addresses and GPUs change seldom; what is free is read in every round. */
const REMEMBER_GROUPS_MS = 2_000;

export interface OwnerGroups {
  readonly of: (id: ProviderId) => string;
  /** groups of an account's own machines */
  readonly ownedBy: (account: string) => ReadonlySet<string>;
}

const known = new WeakMap<Db, { readonly atMs: number; readonly groups: OwnerGroups }>();

/** Groups of everybody who was ever here, read again after two seconds. */
export async function groupsNow(db: Db, demo: boolean): Promise<OwnerGroups> {
  const last = known.get(db);
  if (last && performance.now() - last.atMs < REMEMBER_GROUPS_MS) return last.groups;
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
  const groups = { of: (id: ProviderId) => byProvider.get(id) ?? id, ownedBy: (a: string) => owned.get(a) ?? NONE };
  known.set(db, { atMs: performance.now(), groups });
  return groups;
}

const NONE: ReadonlySet<string> = new Set();

/** A machine in one round: what is free on it shrinks as copies are given out. */
export interface Machine {
  readonly providerId: ProviderId;
  readonly group: string;
  readonly panelClass: PanelClass;
  readonly runtime: Runtime;
  readonly evidence: Evidence;
  readonly quarantined: boolean;
  /** share of its room that it gets: half for each infrastructure error in a row */
  readonly trust: number;
  readonly sandboxed: boolean;
  readonly busyFrom: Date | null;
  readonly perGpuHour: bigint;
  readonly perCpuHour: bigint;
  freeCpuCores: number;
  freeMemoryGb: number;
  freeDiskGb: number;
  /** by model; "" is no GPU */
  readonly freeGpus: Map<string, number>;
}

/** Plain processes use no image: only a demo, where every machine is this one, takes that for any image. */
export function classOf(runtime: Runtime, demo: boolean): PanelClass | null {
  if (runtime === "external") return "external";
  if (runtime === "process") return demo ? "process" : null;
  return "image";
}

/** What is free now, one a provider. */
export async function machinesNow(
  tx: Tx,
  groups: OwnerGroups,
  now: Date,
  { demo, withGpus }: { readonly demo: boolean; readonly withGpus: boolean },
): Promise<Machine[]> {
  const machines = new Map<ProviderId, Machine>();
  for (const offer of await machineOffers(tx, now, withGpus)) {
    const panelClass = classOf(offer.runtime, demo);
    if (panelClass === null) continue;
    const machine = machines.get(offer.providerId) ?? toMachine(offer, panelClass, groups, now);
    machines.set(offer.providerId, machine);
    if (offer.gpuModel !== "") machine.freeGpus.set(offer.gpuModel, offer.freeGpus);
  }
  return [...machines.values()];
}

function toMachine(offer: MachineOffer, panelClass: PanelClass, groups: OwnerGroups, now: Date): Machine {
  const { verified, bad, at, errors, freeGpus: _, ...rest } = offer;
  return {
    ...rest,
    group: groups.of(offer.providerId),
    panelClass,
    evidence: at ? decayed({ verified, bad, at }, now) : NO_EVIDENCE,
    trust: 0.5 ** Math.min(errors, 20),
    freeGpus: new Map(),
  };
}
