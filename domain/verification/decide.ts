// The verdict: from what a panel delivered so far to one decision. It does not depend on the order of arrival.
import type { BatchEnd } from "../execution/batch-state.ts";
import type { ExecutionId } from "../ids.ts";
import type { Dispatch } from "../job/batch.ts";
import type { Evidence } from "./evidence.ts";

/** What one execution came to. */
export type Outcome =
  | { readonly kind: "live" }
  | { readonly kind: "result"; readonly digest: string }
  | { readonly kind: "error"; readonly end: BatchEnd; readonly exitCode: number | null }
  /** cancelled by us before it delivered, or refused unbegun: as if it had never been */
  | { readonly kind: "void" };

export interface PanelMember {
  readonly id: ExecutionId;
  readonly group: string;
  readonly evidence: Evidence;
  readonly outcome: Outcome;
}

export interface Panel {
  readonly members: readonly PanelMember[];
  /** distinct owners that have to agree; 1: accepted unverified */
  readonly quorum: number;
  readonly redundancy: number;
  readonly dispatch: Dispatch;
  /** whether two results agree; equality of digests but for numeric comparators. Symmetric */
  readonly agrees: (a: string, b: string) => boolean;
}

/** Whose fault an error was: the job's is known only in company. */
export type Fault = "job" | "provider" | "infrastructure" | "nobody";

export interface Votes {
  readonly agreed: readonly ExecutionId[];
  readonly disagreed: readonly ExecutionId[];
}

export type Decision =
  /** @property copies more than those that live now; 0: wait for these */
  | { readonly kind: "wait"; readonly copies: number; readonly tied: boolean; readonly sentence: string }
  | {
      readonly kind: "accepted" | "unverified";
      /** of the representative */
      readonly digest: string;
      /** whose output is shown: among those that agree the one with the least id */
      readonly representative: ExecutionId;
      readonly credibility: number;
      readonly groups: number;
      readonly votes: Votes;
      readonly sentence: string;
    }
  | { readonly kind: "job-error"; readonly exitCode: number; readonly sentence: string }
  | { readonly kind: "nondeterministic" | "unresolved" | "failed"; readonly sentence: string };

/** Decides, or says how many more copies it takes. Final: more members never change a decision that was made. */
export function decide(_panel: Panel): Decision {
  throw new Error("UNBUILT");
}

/** What a result that came after the verdict says of who delivered it; null where the verdict says nothing of results. */
export function lateVote(
  _decision: Decision,
  _digest: string,
  _agrees: Panel["agrees"],
): "agreed" | "disagreed" | null {
  throw new Error("UNBUILT");
}

/** Whose fault an end is, seen alone. */
export function faultOf(_end: BatchEnd): Fault {
  throw new Error("UNBUILT");
}

/** Whether votes of this panel count as evidence, and change the score: drawn wide enough, of enough owners. */
export function countsAsEvidence(_pool: { readonly groups: number; readonly unfiltered: number }): boolean {
  throw new Error("UNBUILT");
}
