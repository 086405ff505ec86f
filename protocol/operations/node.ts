// The seed's nodes: everybody may look at them; a third-party worker registers, asks for work and delivers.
import { z } from "zod";
import { NODE_SORTS, NODE_STATUSES, STANDINGS } from "../../domain/provider/node-status.ts";
import { RUNTIMES } from "../../domain/provider/state.ts";
import { Flag, Page, text } from "../fields.ts";
import { NetworkNodesView, NetworkNodeView, PendingJobsView, StatsView } from "../node-views.ts";
import { operation } from "../operation.ts";

/** What may stand in a path as it is, and is no name of a path. */
const NODE_ID = /^(?!register$)(?!\.{1,2}$)[A-Za-z0-9._~@:-]{1,64}$/;
/** What a worker calls itself, or the id of a provider. */
export const NodeId = z.string().regex(NODE_ID, "letters, digits and . _ ~ @ : -, at most 64");

/** As long as the seed keeps it. */
const MOST_REGION = 100;
const STORABLE = /^[^\p{Cs}]*$/u;
const nodeParams = z.strictObject({ id: NodeId });

export const RegisterBody = z.strictObject({
  id: NodeId.refine((id) => !id.startsWith("prov_"), "ids that start with prov_ are ours"),
  name: text(255),
  region: z
    .string()
    .trim()
    .max(MOST_REGION)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, "must not contain control characters")
    .nullish(),
  cpu_cores: z.int().min(1).max(4096),
  memory_gb: z.int().min(1).max(262_144),
  gpu_enabled: z.boolean().nullish(),
  gpu_model: z
    .string()
    .trim()
    .max(255)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, "must not contain control characters")
    .nullish(),
});
export type RegisterBody = z.infer<typeof RegisterBody>;

/** Values that are told and not kept: a worker's own guess at its load. */
const WorkerBeat = z.strictObject({
  cpu_usage: z.number().nullish(),
  memory_usage: z.number().nullish(),
  active_jobs: z.int().nullish(),
});

/** `result` is compared, `logs` are kept for people; a non-empty `error_message` says that there is no result. */
export const WorkerResult = z.strictObject({
  execution_id: z.string().min(1).max(64),
  job_id: z.string().min(1).max(64),
  node_id: NodeId,
  result: z.string().regex(STORABLE, "must not contain half a surrogate pair").nullish(),
  result_hash: z.string().max(64).nullish(),
  error_message: z.string().regex(STORABLE, "must not contain half a surrogate pair").nullish(),
  logs: z.string().regex(STORABLE, "must not contain half a surrogate pair").nullish(),
});
export type WorkerResult = z.infer<typeof WorkerResult>;

export const NodesQuery = z.strictObject({
  status: z.enum(NODE_STATUSES).optional(),
  /** what is known of its results */
  standing: z.enum(STANDINGS).optional(),
  runtime: z.enum(RUNTIMES).optional(),
  /** whether it has one */
  gpu: Flag.optional(),
  region: text(MOST_REGION).optional(),
  /** part of a name, an id, an owner's address, a region or a GPU model */
  search: text(80).optional(),
  sort: z.enum(NODE_SORTS).optional(),
  ...Page,
});
export type NodesQuery = z.infer<typeof NodesQuery>;

export const nodeOperations = {
  listNodes: operation({
    method: "GET",
    path: "/nodes",
    summary: "Providers as the seed's clients read them, newest first unless asked otherwise, a hundred at a time",
    access: "public",
    query: NodesQuery,
    response: NetworkNodesView,
  }),
  getNode: operation({
    method: "GET",
    path: "/nodes/:id",
    summary: "One of them, by what it registered itself as or by the provider's id",
    access: "public",
    params: nodeParams,
    response: NetworkNodeView,
  }),
  registerNode: operation({
    method: "POST",
    path: "/nodes/register",
    summary: "A third-party worker becomes a provider of batch jobs, or says again what it is",
    access: "node",
    status: 201,
    body: RegisterBody,
    response: NetworkNodeView,
  }),
  nodeHeartbeat: operation({
    method: "POST",
    path: "/nodes/:id/heartbeat",
    summary: "A third-party worker is there",
    access: "node",
    params: nodeParams,
    body: WorkerBeat,
    response: z.strictObject({ status: z.literal("ok") }),
  }),
  listPendingJobs: operation({
    method: "GET",
    path: "/nodes/:id/pending-jobs",
    summary: "What a third-party worker should run; where there is nothing, the answer waits for some seconds",
    access: "node",
    secret: true,
    params: nodeParams,
    response: PendingJobsView,
  }),
  reportWorkerResult: operation({
    method: "POST",
    path: "/worker/result",
    summary: "A third-party worker delivers what an execution wrote; the broker hashes it again",
    access: "node",
    body: WorkerResult,
    response: z.strictObject({ status: z.literal("accepted") }),
  }),
  stats: operation({
    method: "GET",
    path: "root:/stats",
    summary: "Totals of nodes and jobs, at most two seconds old",
    access: "public",
    response: StatsView,
  }),
};
