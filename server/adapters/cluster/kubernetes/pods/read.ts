// What a pod says about an execution: one of four states, and for an end its cause in words people can act on.
import { ApiException } from "@kubernetes/client-node";
import { z } from "zod";
import { UNFIT_IMAGE } from "../../../../../domain/execution/entry-script.ts";
import type { EndCause, Observed } from "../../../../../domain/execution/spec.ts";
import type { Wait } from "./waits.ts";

const texts = z.record(z.string(), z.string()).nullish();
const time = z.coerce.date();

export const ServiceObject = z.object({
  metadata: z.object({ name: z.string(), namespace: z.string(), labels: texts, annotations: texts }),
  spec: z.object({ ports: z.array(z.object({ nodePort: z.number().nullish() })).nullish() }).nullish(),
});
export type ServiceObject = z.infer<typeof ServiceObject>;

const Status = z.object({ message: z.string() });

/** What the API server said in its refusal; null where it said nothing that can be read. */
export function refusalOf(error: unknown): string | null {
  if (!(error instanceof ApiException)) return null;
  try {
    const body: unknown = typeof error.body === "string" ? JSON.parse(error.body) : error.body;
    return Status.safeParse(body).data?.message ?? null;
  } catch {
    return null;
  }
}

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
          }),
        )
        .nullish(),
      containerStatuses: z
        .array(
          z.object({
            ready: z.boolean(),
            started: z.boolean().nullish(),
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
/** A node that is busy fails to make a container, and tries again. */
const UNMADE_AFTER_MS = 20_000;
/** sshd needs less than a second; where the way to it is not there by then, it does not come by itself. */
const SSH_SILENT_AFTER_MS = 90_000;
/** A message is for people; a log of megabytes is not. */
const MOST_DETAIL = 500;

/** Waiting for one of these is waiting for ever. https://github.com/kubernetes/kubernetes/blob/v1.33.0/pkg/kubelet/images/types.go */
const NO_IMAGE = ["InvalidImageName", "ErrImageNeverPull"];
const UNMADE = ["CreateContainerConfigError", "CreateContainerError", "RunContainerError"];
/** Ends of a pod by its machine. https://github.com/kubernetes/kubernetes/blob/v1.33.0/pkg/kubelet/nodeshutdown/nodeshutdown_manager.go */
const MACHINE_WENT = ["NodeLost", "NodeShutdown", "Shutdown", "Terminated"];
/** Why a controller ended a pod (Kubernetes 1.26 and later): the condition `DisruptionTarget` says it. */
const DISRUPTIONS: Readonly<Record<string, EndCause>> = {
  DeletionByPodGC: "node-lost",
  DeletionByTaintManager: "node-lost",
  EvictionByEvictionAPI: "evicted",
  PreemptionByScheduler: "evicted",
  TerminationByKubelet: "evicted",
};
/** What runtimes say of a program that is not in the image, or is not for this machine. */
const NO_SUCH_PROGRAM = /exec: |exec format error|no such file or directory|executable file not found/i;
/**
 * Evicted for what it wrote itself, not because its machine ran short.
 * https://github.com/kubernetes/kubernetes/blob/v1.33.0/pkg/kubelet/eviction/helpers.go
 */
const OVER_ITS_DISK = /local ephemeral storage limit|ephemeral local storage usage exceeds|usage of EmptyDir volume/i;
/** 128 and SIGKILL. */
const SIGKILLED = 137;
const PULLING = ["ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"];

/** What is seen of one execution, and what it waits for where it is starting. */
export type Seen =
  | Exclude<Observed, { state: "starting" }>
  | (Extract<Observed, { state: "starting" }> & { readonly wait: Wait | null });

const STARTING = { state: "starting", wait: null } as const;

/**
 * Compares no times: those of a pod are of other clocks than ours.
 * @param address where its node port answers; null while there is none
 * @param now the end of what does not say when it ended
 */
export function podState(
  { metadata, status }: PodObject,
  address: { readonly host: string; readonly port: number } | null,
  now: Date,
): Seen {
  const container = status?.containerStatuses?.[0];
  const terminated = container?.state?.terminated;
  if (status?.phase === "Succeeded" || status?.phase === "Failed" || terminated) {
    const end = ended(status ?? {}, terminated ?? null, now);
    // Told to go, a program may well say that it ended by itself; whoever deleted it ended it.
    return metadata.deletionTimestamp && end.cause === "exited" ? { ...end, cause: "killed" } : end;
  }
  if (metadata.deletionTimestamp) return STARTING; // on its way out: it says so when it is gone
  const waiting = container?.state?.waiting;
  const why = waiting?.reason ?? "";
  const said = `${why}: ${waiting?.message ?? ""}`.slice(0, MOST_DETAIL);
  if (NO_IMAGE.includes(why)) return waitingFor("image", "image-not-found", said, 0);
  if (PULLING.includes(why)) {
    const cause = pullCause(waiting?.message ?? "");
    return waitingFor("image", cause ?? "start-failed", said, cause ? 0 : UNPULLED_AFTER_MS);
  }
  if (UNMADE.includes(why)) return waitingFor("container", "start-failed", said, UNMADE_AFTER_MS);
  const placed = status?.conditions?.find(({ type }) => type === "PodScheduled");
  if (placed?.status === "False" && placed.reason === "Unschedulable")
    return waitingFor("place", "unschedulable", (placed.message ?? "").slice(0, MOST_DETAIL), UNSCHEDULABLE_AFTER_MS);
  if (status?.phase !== "Running") return STARTING;
  // Started says that sshd answered. Kubelets before 1.21 say ready only with their next look at the whole pod, which may
  // be 90 seconds later. https://github.com/kubernetes/kubernetes/issues/95140
  if (!container?.ready && !container?.started) return silent("sshd does not answer inside it.");
  return address ? { state: "ready", endpoint: { ...address, user: "root" } } : STARTING;
}

/** Nothing of it runs, or can before its image has come. */
export function lacksImage({ status }: PodObject): boolean {
  const all = status?.containerStatuses ?? [];
  return all.length > 0 && all.every(({ state }) => [...NO_IMAGE, ...PULLING].includes(state?.waiting?.reason ?? ""));
}

function waitingFor(on: Wait["on"], cause: EndCause, detail: string, atMostMs: number): Seen {
  return { state: "starting", wait: { on, cause, detail, atMostMs } };
}

/** It runs, but nobody can log in: so far. */
export function silent(detail: string): Seen {
  return waitingFor("ssh", "ssh-silent", detail, SSH_SILENT_AFTER_MS);
}

function ended(
  { reason, message, conditions }: NonNullable<PodObject["status"]>,
  terminated: z.infer<typeof Terminated> | null,
  now: Date,
): Extract<Observed, { state: "ended" }> {
  const disrupted = conditions?.find(({ type, status }) => type === "DisruptionTarget" && status === "True");
  const said = terminated?.message || message || disrupted?.message || terminated?.reason || reason || "";
  return {
    state: "ended",
    exitCode: terminated?.exitCode ?? null,
    cause: podCause(reason ?? "", message ?? "") ?? DISRUPTIONS[disrupted?.reason ?? ""] ?? exitCause(terminated),
    detail: said.trim().slice(0, MOST_DETAIL),
    endedAt: terminated?.finishedAt ?? now,
  };
}

/** The whole pod's own reason, where it has one. */
function podCause(reason: string, message: string): EndCause | undefined {
  if (reason === "Evicted") return OVER_ITS_DISK.test(message) ? "out-of-disk" : "evicted";
  if (reason === "Preempting") return "evicted";
  if (reason === "DeadlineExceeded") return "deadline";
  if (MACHINE_WENT.includes(reason)) return "node-lost";
  if (reason.startsWith("OutOf")) return "unschedulable"; // the kubelet counted again: OutOfcpu, OutOfnvidia.com/gpu
  // Refused by the kubelet before it made anything: UnexpectedAdmissionError, NodeAffinity, TopologyAffinityError, …
  return reason === "" ? undefined : "start-failed";
}

function exitCause(terminated: z.infer<typeof Terminated> | null): EndCause {
  if (!terminated) return "killed";
  const { exitCode, reason, message } = terminated;
  // A runtime says OOMKilled for ever after any process of the container was; the first one dies of it by SIGKILL.
  if (reason === "OOMKilled" && exitCode === SIGKILLED) return "out-of-memory";
  if (reason === "StartError" || reason === "ContainerCannotRun")
    return NO_SUCH_PROGRAM.test(message ?? "") ? "unfit-image" : "start-failed";
  // Nobody saw it end: its machine or its runtime was started anew.
  if (reason === "Unknown" || reason === "ContainerStatusUnknown") return "killed";
  if (exitCode === UNFIT_IMAGE) return "unfit-image";
  return exitCode === SIGKILLED ? "killed" : "exited";
}

/**
 * undefined while it may be a registry that is away for a moment. A refusal is one of the login too, where there is one: no
 * pod is pulled for before its kubelet has it (see `LOGIN_HERE`).
 */
function pullCause(message: string): EndCause | undefined {
  if (/unauthori[sz]ed|denied|forbidden|authentication required/i.test(message)) return "image-denied";
  if (/not found|manifest unknown|does not exist|no such (image|manifest)|name unknown/i.test(message))
    return "image-not-found";
  return undefined;
}
