// Who runs the next copies of a job: drawn by chance among distinct owners, never best first.
import type { ProviderId } from "../ids.ts";
import type { PanelClass } from "../job/batch.ts";
import { type Evidence, isProven, weightOf } from "./evidence.ts";

/** A provider that could run one more execution of the job now: free, within price, of the right class. */
export interface Candidate {
  readonly providerId: ProviderId;
  readonly group: string;
  readonly panelClass: PanelClass;
  readonly evidence: Evidence;
  /** never drawn; it counts as a group all the same */
  readonly quarantined: boolean;
  /** how many more executions like this one it could take: chance is in proportion to it */
  readonly room: number;
}

export interface PanelWish {
  /** copies to give out now */
  readonly copies: number;
  /** groups that hold one already, and the customer's own */
  readonly excludedGroups: ReadonlySet<string>;
  /** unproven providers already in the panel */
  readonly unproven: number;
  /** null: the class with the most distinct groups, which all of them then are of */
  readonly panelClass: PanelClass | null;
  /** the votes stand equal: the ones with the most evidence, not chance */
  readonly tied: boolean;
}

const CLASSES: readonly PanelClass[] = ["image", "process", "external"];

interface Lot<C extends Candidate = Candidate> {
  readonly candidate: C;
  /** the least is drawn first */
  readonly chance: number;
}

/**
 * Draws providers for the copies wanted, at most one a group, at most one unproven where proven ones can be had (over the
 * whole panel). Fewer than wanted where no more distinct groups are free. Weighted sampling without replacement: the least
 * of exponential times −ln(1−u)/room (Efraimidis and Spirakis, 2006), so that a group has the chance of all its room.
 * @param random uniform in [0, 1)
 */
export function drawPanel<C extends Candidate>(
  candidates: readonly C[],
  wish: PanelWish,
  random: () => number,
): readonly C[] {
  const free = candidates.filter((c) => !c.quarantined && c.room > 0 && !wish.excludedGroups.has(c.group));
  const panelClass = wish.panelClass ?? widestClass(free);
  const lots: Lot<C>[] = [];
  for (const candidate of free) {
    if (candidate.panelClass !== panelClass) continue;
    lots.push({ candidate, chance: -Math.log1p(-random()) / candidate.room });
  }
  const isBefore = wish.tied ? hasMoreEvidence : isLuckier;

  const drawn = new Map<string, Lot<C>>();
  const draw = (copies: number, mayBeDrawn: (lot: Lot<C>) => boolean) => {
    while (drawn.size < copies) {
      const next = first(lots, isBefore, (lot) => !drawn.has(lot.candidate.group) && mayBeDrawn(lot));
      if (!next) return;
      drawn.set(next.candidate.group, next);
    }
  };
  const hasUnproven = () => wish.unproven > 0 || [...drawn.values()].some((lot) => !isProvenLot(lot));
  const withinRule = (lot: Lot) => isProvenLot(lot) || !hasUnproven();

  draw(wish.copies, withinRule);
  if (drawn.size < wish.copies) {
    // Short of proven groups: one that was drawn unproven stands in its proven mate's way.
    for (const [group, lot] of drawn) {
      const mate = first(lots, isBefore, (other) => other.candidate.group === group && isProvenLot(other));
      if (mate && !isProvenLot(lot)) drawn.set(group, mate);
    }
    draw(wish.copies, withinRule);
    draw(wish.copies, () => true);
  }
  return [...drawn.values()].map(({ candidate }) => candidate);
}

const isProvenLot = ({ candidate }: Lot) => isProven(candidate.evidence);
const isLuckier = (a: Lot, b: Lot) => a.chance < b.chance;

function hasMoreEvidence(a: Lot, b: Lot): boolean {
  const [mine, theirs] = [a.candidate.evidence, b.candidate.evidence];
  const byWeight = weightOf(mine) - weightOf(theirs);
  if (byWeight !== 0) return byWeight > 0;
  return mine.verified === theirs.verified ? isLuckier(a, b) : mine.verified > theirs.verified;
}

/** A pass for each copy: panels are small, markets are not. */
function first<L extends Lot>(
  lots: readonly L[],
  isBefore: (a: Lot, b: Lot) => boolean,
  fits: (lot: L) => boolean,
): L | undefined {
  let least: L | undefined;
  for (const lot of lots) if ((!least || isBefore(lot, least)) && fits(lot)) least = lot;
  return least;
}

function widestClass(free: readonly Candidate[]): PanelClass | undefined {
  const present = CLASSES.filter((panelClass) => free.some((one) => one.panelClass === panelClass));
  if (present.length < 2) return present[0];
  const groups = new Map(present.map((panelClass) => [panelClass, new Set<string>()]));
  for (const { panelClass, group } of free) groups.get(panelClass)?.add(group);
  return present.reduce((widest, next) => (sizeOf(groups, next) > sizeOf(groups, widest) ? next : widest));
}

function sizeOf(groups: ReadonlyMap<PanelClass, ReadonlySet<string>>, panelClass: PanelClass): number {
  return groups.get(panelClass)?.size ?? 0;
}
