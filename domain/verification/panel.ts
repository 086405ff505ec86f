// Who runs the next copies of a job: drawn by chance among distinct owners, never best first.
import type { ProviderId } from "../ids.ts";
import type { PanelClass } from "../job/batch.ts";
import type { Evidence } from "./evidence.ts";

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

/**
 * Draws providers for the copies wanted, at most one a group, at most one unproven where proven ones can be had (over the
 * whole panel). Fewer than wanted where no more distinct groups are free.
 * @param random uniform in [0, 1)
 */
export function drawPanel(
  _candidates: readonly Candidate[],
  _wish: PanelWish,
  _random: () => number,
): readonly Candidate[] {
  throw new Error("UNBUILT");
}
