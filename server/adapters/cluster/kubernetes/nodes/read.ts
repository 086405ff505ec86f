// Objects of the API in our own words. They come typed from the client or as plain JSON from a watch: both are parsed.
import { z } from "zod";
import { TAINT } from "../../../../../domain/node/marks.ts";
import { JOIN_GROUP, type JoinRequest, type SeenNode, tokenOf } from "../../../../../domain/node/seen.ts";
import { readRequest } from "./certificate.ts";

const texts = z.record(z.string(), z.string()).nullish();
const time = z.coerce.date();

const Meta = z.object({ name: z.string(), resourceVersion: z.string().optional() });
/** Whatever a watch sends about: enough to follow it. */
export const AnyObject = z.object({ metadata: Meta });
export const BookmarkObject = z.object({ metadata: z.object({ resourceVersion: z.string() }) });
export const WatchError = z.object({ code: z.number().optional(), message: z.string().optional() });

export const NodeObject = z.object({
  metadata: Meta.extend({ uid: z.string(), labels: texts, annotations: texts }),
  spec: z
    .object({
      unschedulable: z.boolean().nullish(),
      taints: z
        .array(
          z.object({ key: z.string(), effect: z.string(), value: z.string().nullish(), timeAdded: time.nullish() }),
        )
        .nullish(),
    })
    .nullish(),
  status: z
    .object({
      allocatable: texts,
      conditions: z
        .array(
          z.object({
            type: z.string(),
            status: z.string(),
            lastTransitionTime: time.nullish(),
            lastHeartbeatTime: time.nullish(),
          }),
        )
        .nullish(),
      nodeInfo: z.object({ kubeletVersion: z.string() }).nullish(),
    })
    .nullish(),
});
export type NodeObject = z.infer<typeof NodeObject>;

const GPU_RESOURCE = "nvidia.com/gpu";

export function seenNode({ metadata, spec, status }: NodeObject, prefix: string): SeenNode {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  const allocatable = status?.allocatable ?? {};
  const gpus = allocatable[GPU_RESOURCE];
  const taint = spec?.taints?.find(({ key }) => key === `${prefix}/${TAINT}`);
  return {
    name: metadata.name,
    uid: metadata.uid,
    readiness: ready?.status === "True" ? "ready" : ready?.status === "Unknown" ? "silent" : "notReady",
    readySince: ready?.lastTransitionTime ?? null,
    heartbeatAt: ready?.lastHeartbeatTime ?? null,
    allocatableGpus: gpus === undefined ? null : Math.floor(quantity(gpus)),
    allocatableCpu: Math.floor(quantity(allocatable.cpu ?? "0")),
    allocatableMemoryMb: Math.floor(quantity(allocatable.memory ?? "0") / 1_048_576),
    kubeletVersion: status?.nodeInfo?.kubeletVersion ?? "",
    labels: under(prefix, metadata.labels),
    annotations: under(prefix, metadata.annotations),
    taint: taint ? (taint.value ?? "") : null,
    cordoned: spec?.unschedulable ?? false,
  };
}

function under(prefix: string, all: Record<string, string> | null | undefined): Record<string, string> {
  const ours = Object.entries(all ?? {}).filter(([key]) => key.startsWith(`${prefix}/`));
  return Object.fromEntries(ours.map(([key, value]) => [key.slice(prefix.length + 1), value]));
}

export const RequestObject = z.object({
  metadata: Meta.extend({ creationTimestamp: time }),
  spec: z.object({
    request: z.string(),
    signerName: z.string(),
    username: z.string().nullish(),
    groups: z.array(z.string()).nullish(),
    usages: z.array(z.string()).nullish(),
  }),
  status: z
    .object({
      certificate: z.string().nullish(),
      conditions: z.array(z.object({ type: z.string(), lastUpdateTime: time.nullish() })).nullish(),
    })
    .nullish(),
});
export type RequestObject = z.infer<typeof RequestObject>;

/** @returns null for requests of anybody but our tokens */
export function joinRequest({ metadata, spec, status }: RequestObject): JoinRequest | null {
  const username = spec.username ?? "";
  const groups = spec.groups ?? [];
  if (tokenOf(username) === null || !groups.includes(JOIN_GROUP)) return null;
  const decided = status?.conditions?.find(({ type }) => type === "Approved" || type === "Denied");
  return {
    name: metadata.name,
    createdAt: metadata.creationTimestamp,
    signer: spec.signerName,
    username,
    groups,
    usages: spec.usages ?? [],
    subject: readRequest(spec.request),
    state: decided ? (decided.type === "Approved" ? "approved" : "denied") : "pending",
    decidedAt: decided?.lastUpdateTime ?? null,
    issued: Boolean(status?.certificate),
  };
}

const SUFFIXES: Readonly<Record<string, number>> = {
  ...{ n: 1e-9, u: 1e-6, m: 1e-3, "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 },
};

/** A Kubernetes quantity as a number; 0 for what is none. (apimachinery/pkg/api/resource/quantity.go) */
export function quantity(text: string): number {
  const [, number = "", suffix = ""] = /^([+-]?[0-9.]+(?:[eE][+-]?\d+)?)([A-Za-z]{0,2})$/.exec(text) ?? [];
  const value = Number(number || "0") * (SUFFIXES[suffix] ?? 0);
  return Number.isFinite(value) ? value : 0;
}
