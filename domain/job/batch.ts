// Batch jobs: a command that ends, run by several owners whose results are compared.
import type { JobId } from "../ids.ts";
import type { ReasonCode } from "./reasons.ts";

export const BATCH_STATUSES = [
  "pending",
  "scheduled",
  "running",
  "verifying",
  "completed",
  "failed",
  "cancelled",
] as const;
/**
 * `pending`: waits for machines; `scheduled`: given to machines, none has begun; `running`; `verifying`: a first result
 * is in; `completed`: accepted. What ended is final.
 */
export type BatchStatus = (typeof BATCH_STATUSES)[number];

export function isDecided(status: BatchStatus): boolean {
  return status === "completed" || status === "failed" || status === "cancelled";
}

export const ASSURANCES = ["standard", "high"] as const;
/** `standard`: two distinct owners have to agree, `high`: three. */
export type Assurance = (typeof ASSURANCES)[number];
export const DISPATCHES = ["lazy", "eager"] as const;
/** `lazy`: as few copies as can decide, one more on disagreement, error or timeout; `eager`: `redundancy` at once. */
export type Dispatch = (typeof DISPATCHES)[number];

/** How two results are compared: byte by byte, as JSON values, as numbers within a tolerance, or by the files alone. */
export type Comparator =
  | { readonly kind: "exact" }
  | { readonly kind: "json" }
  | { readonly kind: "numeric"; readonly rtol: number; readonly atol: number }
  | { readonly kind: "files" };

/** Whose job it is: a customer's, or the broker's own check, which looks like any other to who runs it. */
export const BATCH_PURPOSES = ["customer", "canary", "audit", "recheck"] as const;
export type BatchPurpose = (typeof BATCH_PURPOSES)[number];

/**
 * Results of different kinds of runtimes are never compared: the first execution decides where the others go.
 * `process`: uses no image; `image`: docker and pods; `external`: third-party workers, whose hash covers other bytes.
 */
export const PANEL_CLASSES = ["process", "image", "external"] as const;
export type PanelClass = (typeof PANEL_CLASSES)[number];

export const BATCH_DEFAULTS = {
  redundancy: 3,
  consensus: 2,
  assurance: "standard",
  dispatch: "lazy",
  timeoutSeconds: 300,
  queueTimeoutSeconds: 600,
} as const;
/** Third-party workers end each container after this. */
export const THIRD_PARTY_SECONDS = 300;
export const MAX_TIMEOUT_SECONDS = 24 * 3600;
export const MAX_QUEUE_TIMEOUT_SECONDS = 24 * 3600;
/** Scratch space of each execution, in GB; the output has to fit into `MAX_RESULT_BYTES` all the same. */
export const BATCH_DISK_GB = 5;
/** stdout and output files of one execution together. */
export const MAX_RESULT_BYTES = 1024 * 1024;
/** Kept of what an execution wrote to stderr: its end. */
export const MAX_STDERR_BYTES = 64 * 1024;

/** What a customer wants run. Cores, GB, seconds; micro-USD per hour of one execution. */
export interface BatchWish {
  readonly name: string;
  readonly description: string;
  readonly image: string;
  /** program and arguments, in the place of the image's entrypoint; empty: the image's own */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** on its stdin; "" for none */
  readonly inputData: string;
  readonly cpuCores: number;
  readonly memoryGb: number;
  readonly gpuCount: number;
  /** null for any, or none */
  readonly gpuModel: string | null;
  readonly redundancy: number;
  readonly consensus: number;
  readonly assurance: Assurance;
  readonly dispatch: Dispatch;
  readonly comparator: Comparator;
  /** output files and folders, relative to its working directory */
  readonly files: readonly string[];
  readonly network: boolean;
  readonly timeoutSeconds: number;
  readonly queueTimeoutSeconds: number;
  /** dearest rate of one execution; null: what the market asks */
  readonly maxRate: bigint | null;
  /** the broker may run it again as a canary: only where it has neither network nor environment */
  readonly reusable: boolean;
}

/** How many distinct owners have to agree; 1 is accepted unverified. */
export function quorumOf({ consensus, assurance }: Pick<BatchWish, "consensus" | "assurance">): number {
  if (assurance === "high") return Math.max(3, consensus);
  return consensus;
}

/** How a job ended, as it is kept: never changed once it is there, but for the recall. */
export interface Verdict {
  readonly kind: "accepted" | "unverified" | "job-error" | "nondeterministic" | "unresolved" | "failed" | "cancelled";
  /** why, where it was not accepted */
  readonly reason: ReasonCode | null;
  /** of what was accepted; null otherwise */
  readonly digest: string | null;
  /** P(the accepted result is right) by the weights of those who voted, 0…1; null where nothing was accepted */
  readonly credibility: number | null;
  /** distinct owners behind it */
  readonly votes: number;
  /** one sentence for people: what was decided and why */
  readonly sentence: string;
  /** when its accepted result was taken back, because a provider it rests on was caught; null: it stands */
  readonly recalledAt: string | null;
  /** the job that verifies it again after that */
  readonly recheck: JobId | null;
}
