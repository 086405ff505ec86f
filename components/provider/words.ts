// How a machine's numbers read.
import type { ExecutionStatus } from "../../domain/execution/state.ts";
import type { OwnProviderView } from "../../protocol/provider-views.ts";
import type { BerthState } from "../ui/berths.tsx";

type Counted = Pick<OwnProviderView, "gpus" | "status">;
type BerthCounts = Readonly<Record<BerthState, number>>;

/** GPUs of a machine that is not in reach are out of reach, but for those that somebody holds. */
export function berthsOf({ gpus, status }: Counted): BerthCounts {
  const sum = (pick: (gpu: OwnProviderView["gpus"][number]) => number) => gpus.reduce((all, gpu) => all + pick(gpu), 0);
  const [total, use, mining] = [sum((gpu) => gpu.total), sum((gpu) => gpu.in_use), sum((gpu) => gpu.mining)];
  const free = status === "available" ? sum((gpu) => gpu.available) : 0;
  return { free, use, mining, off: Math.max(0, total - free - use - mining) };
}

/** A fraction as percent, never rounded up to a promise: 0.99996 is 99.99 %. */
export function percent(fraction: number): string {
  if (fraction >= 1) return "100 %";
  return `${(Math.floor(fraction * 10_000) / 100).toFixed(2)} %`;
}

export function gigabytes(mb: number): string {
  return `${(mb / 1024).toFixed(1)} GB`;
}

/** The status of an execution as one of the console's shapes. */
export const EXECUTION_SHAPES = {
  scheduled: "pending",
  starting: "pending",
  running: "running",
  unreachable: "offline",
  stopping: "stopping",
  succeeded: "stopped",
  failed: "failed",
  stopped: "stopped",
  lost: "failed",
} as const satisfies Record<ExecutionStatus, string>;

/** Why a machine's reputation changed. */
export const REPUTATION_WORDS: Readonly<Record<string, string>> = {
  enrolled: "Enrolled",
  offline: "Out of reach for two minutes",
  "maintenance-outlasted": "Still out of reach after announced maintenance",
  "appeal-granted": "An appeal was granted",
  agreed: "Its result agreed with the verdict",
  disagreed: "Its result disagreed with the verdict",
};
