// What a pod says about an execution: one of four states, and for an end its cause in words people can act on.
import { z } from "zod";
import type { EndCause, Observed } from "../../../../../domain/execution/spec.ts";
import { UNFIT_IMAGE } from "./entry.ts";

const texts = z.record(z.string(), z.string()).nullish();
const time = z.coerce.date();

export const ServiceObject = z.object({
  metadata: z.object({ name: z.string(), namespace: z.string(), labels: texts, annotations: texts }),
  spec: z.object({ ports: z.array(z.object({ nodePort: z.number().nullish() })).nullish() }).nullish(),
});
export type ServiceObject = z.infer<typeof ServiceObject>;

const Terminated = z.object({
  exitCode: z.number(),
  reason: z.string().nullish(),
  message: z.string().nullish(),
  finishedAt: time.nullish(),
});

export const PodObject = z.object({
  metadata: z.object({
    name: z.string(),
    namespace: z.string(),
    labels: texts,
    resourceVersion: z.string().optional(),
    creationTimestamp: time.nullish(),
    deletionTimestamp: time.nullish(),
  }),
  spec: z.object({ nodeName: z.string().nullish() }).nullish(),
  status: z
    .object({
      phase: z.string().nullish(),
      reason: z.string().nullish(),
      message: z.string().nullish(),
      conditions: z
        .array(
          z.object({
            type: z.string(),
            status: z.string(),
            reason: z.string().nullish(),
            message: z.string().nullish(),
            lastTransitionTime: time.nullish(),
          }),
        )
        .nullish(),
      containerStatuses: z
        .array(
          z.object({
            ready: z.boolean(),
            state: z
              .object({
                waiting: z.object({ reason: z.string().nullish(), message: z.string().nullish() }).nullish(),
                terminated: Terminated.nullish(),
              })
              .nullish(),
          }),
        )
        .nullish(),
    })
    .nullish(),
});
export type PodObject = z.infer<typeof PodObject>;

/** A pod without a place may wait this long: others may be leaving it. */
const UNSCHEDULABLE_AFTER_MS = 30_000;
/** A registry may be away for a moment, not for this long. */
const UNPULLED_AFTER_MS = 60_000;
/** A message is for people; a log of megabytes is not. */
const MOST_DETAIL = 500;

/** Waiting for one of these is waiting for ever. https://github.com/kubernetes/kubernetes/blob/v1.33.0/pkg/kubelet/images/types.go */
const HOPELESS: Readonly<Record<string, EndCause>> = {
  InvalidImageName: "image-not-found",
  ErrImageNeverPull: "image-not-found",
  CreateContainerConfigError: "start-failed",
  CreateContainerError: "start-failed",
  RunContainerError: "start-failed",
};
/**
 * Evicted for what it wrote itself, not because its machine ran short.
 * https://github.com/kubernetes/kubernetes/blob/v1.33.0/pkg/kubelet/eviction/helpers.go
 */
const OVER_ITS_DISK = /local ephemeral storage limit|ephemeral local storage usage exceeds|usage of EmptyDir volume/i;
const PULLING = ["ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"];

/**
 * @param address where its node port answers; null while there is none
 * @param now what the API server's times are held against
 */
export function podState(
  { metadata, status }: PodObject,
  address: { readonly host: string; readonly port: number } | null,
  now: Date,
): Observed {
  const container = status?.containerStatuses?.[0];
  const terminated = container?.state?.terminated;
  if (status?.phase === "Succeeded" || status?.phase === "Failed" || terminated) {
    const end = ended(
      status?.reason ?? null,
      status?.message ?? null,
      terminated ?? null,
      metadata.deletionTimestamp ?? now,
    );
    // Told to go, a program may well say that it ended by itself; whoever deleted it ended it.
    return metadata.deletionTimestamp && end.cause === "exited" ? { ...end, cause: "killed" } : end;
  }
  if (metadata.deletionTimestamp) return { state: "starting" }; // on its way out: it says so when it is gone
  const waiting = container?.state?.waiting;
  const pulling = PULLING.includes(waiting?.reason ?? "");
  const waitedMs = now.getTime() - (metadata.creationTimestamp ?? now).getTime();
  const cause = pulling ? pullCause(waiting?.message ?? "", waitedMs) : HOPELESS[waiting?.reason ?? ""];
  if (cause) return endedNow(cause, `${waiting?.reason}: ${waiting?.message ?? ""}`, now);
  const placed = status?.conditions?.find(({ type }) => type === "PodScheduled");
  if (placed?.status === "False" && placed.reason === "Unschedulable") {
    const sinceMs = now.getTime() - (placed.lastTransitionTime ?? metadata.creationTimestamp ?? now).getTime();
    if (sinceMs >= UNSCHEDULABLE_AFTER_MS) return endedNow("unschedulable", placed.message ?? "", now);
  }
  if (status?.phase === "Running" && container?.ready && address)
    return { state: "ready", endpoint: { ...address, user: "root" } };
  return { state: "starting" };
}

function ended(
  reason: string | null,
  message: string | null,
  terminated: z.infer<typeof Terminated> | null,
  fallback: Date,
): Extract<Observed, { state: "ended" }> {
  const why = terminated?.reason ?? reason ?? "";
  const exitCode = terminated?.exitCode ?? null;
  const said = terminated?.message || message || why;
  return {
    state: "ended",
    exitCode,
    cause: endCause(reason, message, why, exitCode),
    detail: said.trim().slice(0, MOST_DETAIL),
    endedAt: terminated?.finishedAt ?? fallback,
  };
}

function endCause(reason: string | null, message: string | null, why: string, exitCode: number | null): EndCause {
  if (reason === "Evicted") return OVER_ITS_DISK.test(message ?? "") ? "out-of-disk" : "evicted";
  if (reason === "DeadlineExceeded") return "deadline";
  if (reason === "NodeLost" || reason === "NodeShutdown" || reason === "Terminated") return "node-lost";
  if (why === "OOMKilled") return "out-of-memory";
  if (exitCode === UNFIT_IMAGE) return "unfit-image";
  if (why === "ContainerCannotRun" || why === "StartError" || exitCode === 127 || exitCode === 128)
    return "start-failed";
  return exitCode === null || exitCode === 137 ? "killed" : "exited";
}

function endedNow(cause: EndCause, detail: string, now: Date): Observed {
  return { state: "ended", exitCode: null, cause, detail: detail.slice(0, MOST_DETAIL), endedAt: now };
}

/** undefined while it may be a registry that is away for a moment. */
function pullCause(message: string, waitedMs: number): EndCause | undefined {
  if (/unauthori[sz]ed|denied|forbidden|authentication required/i.test(message)) return "image-denied";
  if (/not found|manifest unknown|does not exist|no such (image|manifest)|name unknown/i.test(message))
    return "image-not-found";
  return waitedMs >= UNPULLED_AFTER_MS ? "start-failed" : undefined;
}
