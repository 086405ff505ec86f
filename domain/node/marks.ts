// What a node of ours carries: labels and a taint that inform and never authorise, and whether it takes new pods.
import type { SeenNode } from "./seen.ts";

export const LABEL_KEYS = ["rental-type", "provider-id", "gpu-model", "active-jobs"] as const;
export type LabelKey = (typeof LABEL_KEYS)[number];

export const HEARTBEAT = "last-heartbeat";
/** Says that it was Berth who cordoned, so that somebody else's cordon is never taken back. */
export const CORDONED = "cordoned-by-berth";
export const TAINT = "rental";
export const TAINT_EFFECT = "NoSchedule";

export interface Marks {
  /** empty: all of ours are taken off */
  readonly labels: Readonly<Partial<Record<LabelKey, string>>>;
  /** null: ours is taken off */
  readonly taint: string | null;
  /** null: taken off */
  readonly heartbeat: string | null;
  /** why it takes no pods; `open`: takes pods again where it was Berth who cordoned */
  readonly cordon: CordonReason | "open";
}
export type CordonReason = "draining" | "suspended" | "removed" | "stranger";

/**
 * The nearest text that Kubernetes takes as a label's value: at most 63 of `[-A-Za-z0-9_.]`, beginning and ending with
 * a letter or a digit, or nothing at all. (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels)
 */
export function labelValue(text: string): string {
  return text
    .replace(/[^-A-Za-z0-9_.]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 63)
    .replace(/[^A-Za-z0-9]+$/, "");
}

export interface Marked {
  readonly providerId: string;
  readonly gpuModel: string | null;
  readonly activeJobs: number;
  readonly lastHeartbeatAt: Date | null;
}

/** What the node of an admitted provider carries. */
export function marksOf({ providerId, gpuModel, activeJobs, lastHeartbeatAt }: Marked, cordon: Marks["cordon"]): Marks {
  return {
    labels: {
      "rental-type": gpuModel === null ? "cpu" : "gpu",
      "provider-id": labelValue(providerId),
      ...(gpuModel === null ? {} : { "gpu-model": labelValue(gpuModel) }),
      "active-jobs": String(activeJobs),
    },
    taint: gpuModel === null ? "cpu" : "gpu",
    heartbeat: lastHeartbeatAt?.toISOString() ?? null,
    cordon,
  };
}

/** Nothing of ours but the cordon. */
export function stripped(cordon: CordonReason): Marks {
  return { labels: {}, taint: null, heartbeat: null, cordon };
}

/** The sign of life on the node may be this old before it alone is worth a write. */
const HEARTBEAT_STALE_MS = 300_000;

/** Whether a node must be written so that it carries what it should. */
export function lacks(node: SeenNode, marks: Marks): boolean {
  const labels = LABEL_KEYS.some((key) => (node.labels[key] ?? null) !== (marks.labels[key] ?? null));
  if (labels || node.taint !== marks.taint || cordonLacks(node, marks.cordon)) return true;
  const written = node.annotations[HEARTBEAT];
  if (marks.heartbeat === null || written === undefined) return (written ?? null) !== marks.heartbeat;
  return !(Date.parse(marks.heartbeat) - Date.parse(written) < HEARTBEAT_STALE_MS);
}

/**
 * A node's cordon and our note on it, after what is wanted. A cordon without a note is somebody else's: it gets none and
 * stays when ours would end. A machine that left for good keeps no note.
 */
export function cordonAfter(cordoned: boolean, note: string | null, wanted: Marks["cordon"]) {
  if (wanted === "open") return { cordoned: note === null && cordoned, note: null };
  const ours = !cordoned || note !== null;
  return { cordoned: true, note: ours && wanted !== "removed" ? wanted : null };
}

function cordonLacks(node: SeenNode, wanted: Marks["cordon"]): boolean {
  const note = node.annotations[CORDONED] ?? null;
  const after = cordonAfter(node.cordoned, note, wanted);
  return after.cordoned !== node.cordoned || after.note !== note;
}
