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

/** One that may be drawn. @property place comes first where it is least: chance, or evidence where votes are tied */
interface Lot {
  readonly candidate: Candidate;
  readonly proven: boolean;
  readonly place: readonly number[];
}

/**
 * Draws providers for the copies wanted, at most one a group, at most one unproven where proven ones can be had (over the
 * whole panel). Fewer than wanted where no more distinct groups are free. Weighted sampling without replacement: the least
 * of exponential times −ln(1−u)/room (Efraimidis and Spirakis, 2006), so that a group has the chance of all its room.
 * @param random uniform in [0, 1)
 */
export function drawPanel(
  candidates: readonly Candidate[],
  wish: PanelWish,
  random: () => number,
): readonly Candidate[] {
  const free = candidates.filter((c) => !c.quarantined && c.room > 0 && !wish.excludedGroups.has(c.group));
  const panelClass = wish.panelClass ?? widestClass(free);
  const lots = free
    .filter((candidate) => candidate.panelClass === panelClass)
    .map((candidate) => lotOf(candidate, wish.tied, random));

  const drawn = new Map<string, Lot>();
  const draw = (copies: number, mayBeDrawn: (lot: Lot) => boolean) => {
    while (drawn.size < copies) {
      const next = first(lots, (lot) => !drawn.has(lot.candidate.group) && mayBeDrawn(lot));
      if (!next) return;
      drawn.set(next.candidate.group, next);
    }
  };
  const unproven = () => wish.unproven + [...drawn.values()].filter((lot) => !lot.proven).length;
  const withinRule = (lot: Lot) => lot.proven || unproven() === 0;

  draw(wish.copies, withinRule);
  if (drawn.size < wish.copies) {
    // Short of proven groups: one that was drawn unproven stands in its proven mate's way.
    for (const [group, lot] of drawn) {
      const mate = lot.proven ? undefined : first(lots, (other) => other.proven && other.candidate.group === group);
      if (mate) drawn.set(group, mate);
    }
    draw(wish.copies, withinRule);
    draw(wish.copies, () => true);
  }
  return [...drawn.values()].map(({ candidate }) => candidate);
}

function lotOf(candidate: Candidate, tied: boolean, random: () => number): Lot {
  const { evidence, room } = candidate;
  const chance = -Math.log1p(-random()) / room;
  const place = tied ? [-weightOf(evidence), -evidence.verified, chance] : [chance];
  return { candidate, proven: isProven(evidence), place };
}

/** A pass for each copy: panels are small, markets are not. */
function first(lots: readonly Lot[], fits: (lot: Lot) => boolean): Lot | undefined {
  let least: Lot | undefined;
  for (const lot of lots) if ((!least || isBefore(lot.place, least.place)) && fits(lot)) least = lot;
  return least;
}

function isBefore(a: readonly number[], b: readonly number[]): boolean {
  for (const [i, value] of a.entries()) {
    const other = b[i] ?? value;
    if (value !== other) return value < other;
  }
  return false;
}

function widestClass(free: readonly Candidate[]): PanelClass {
  const groups = CLASSES.map((panelClass) => {
    return { panelClass, size: new Set(free.filter((c) => c.panelClass === panelClass).map((c) => c.group)).size };
  });
  return groups.reduce((widest, next) => (next.size > widest.size ? next : widest)).panelClass;
}
