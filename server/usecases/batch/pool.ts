// Who could run batch jobs: machines with what is free on them now, their owner groups, and what is known of them.
import type { ProviderId } from "../../../domain/ids.ts";
import type { PanelClass } from "../../../domain/job/batch.ts";
import type { Runtime } from "../../../domain/provider/state.ts";
import { decayed, type Evidence, NO_EVIDENCE } from "../../../domain/verification/evidence.ts";
import type { Tx } from "../../deps.ts";
import { type MachineOffer, machineOffers } from "../../repos/batch-dispatch.ts";
import { inQuarantine } from "../../repos/quarantines.ts";
import { type HeldBack, heldBackAmong, type OwnerGroups, readGroups } from "./owner-groups.ts";

/** A machine in one round: what is free on it shrinks as copies are given out. */
export interface Machine {
  readonly providerId: ProviderId;
  readonly group: string;
  readonly panelClass: PanelClass;
  readonly runtime: Runtime;
  readonly evidence: Evidence;
  readonly quarantined: boolean;
  /** another one of its owner is in quarantine, and it has no record: no customer's job */
  readonly heldBack: boolean;
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

/**
 * What is free now, one a provider.
 * @param remembered groups; read again where one of these machines came since: it is its owner's from its first copy on
 */
export async function machinesNow(
  tx: Tx,
  remembered: OwnerGroups,
  now: Date,
  { demo, withGpus }: { readonly demo: boolean; readonly withGpus: boolean },
): Promise<{ readonly machines: Machine[]; readonly groups: OwnerGroups }> {
  const machines = new Map<ProviderId, Machine>();
  const [offers, caught] = await Promise.all([machineOffers(tx, now, withGpus), inQuarantine(tx)]);
  const asked = [...offers.map(({ providerId }) => providerId), ...caught.map(({ id }) => id)];
  const isKnown = asked.every(remembered.knows);
  const groups = isKnown ? remembered : await readGroups(tx, demo);
  const heldBack = await heldBackAmong(tx, groups, caught, now, demo);
  for (const offer of offers) {
    const panelClass = classOf(offer.runtime, demo);
    if (panelClass === null) continue;
    const machine = machines.get(offer.providerId) ?? toMachine(offer, panelClass, groups, heldBack, now);
    machines.set(offer.providerId, machine);
    if (offer.gpuModel !== "") machine.freeGpus.set(offer.gpuModel, offer.freeGpus);
  }
  return { machines: [...machines.values()], groups };
}

function toMachine(
  offer: MachineOffer,
  panelClass: PanelClass,
  groups: OwnerGroups,
  heldBack: HeldBack,
  now: Date,
): Machine {
  const { verified, bad, at, errors, freeGpus: _, ...rest } = offer;
  return {
    ...rest,
    group: groups.of(offer.providerId),
    panelClass,
    heldBack: heldBack.has(offer.providerId),
    evidence: at ? decayed({ verified, bad, at }, now) : NO_EVIDENCE,
    trust: 0.5 ** Math.min(errors, 20),
    freeGpus: new Map(),
  };
}
