// What the wire shows of a provider: to everyone, to its owner and to operators.
import { z } from "zod";
import { EXECUTION_STATUSES } from "../domain/execution/state.ts";
import {
  ADMISSIONS,
  APPEAL_DECISIONS,
  DRAINS,
  PRESENCES,
  PROVIDER_STATUSES,
  RUNTIMES,
} from "../domain/provider/state.ts";
import { AddressView, Money, Time } from "./fields.ts";

const count = z.int().min(0);

export const ProviderView = z.strictObject({
  id: z.string(),
  name: z.string(),
  owner: AddressView,
  status: z.enum(PROVIDER_STATUSES),
  region: z.string(),
  reputation: count,
  declared: z.boolean(),
  sandboxed: z.boolean(),
  /** what it runs executions with; a `process` runtime uses no image */
  runtime: z.enum(RUNTIMES),
  os: z.string(),
  cpu_model: z.string(),
  cpu_cores: count,
  memory_gb: count,
  disk_gb: count,
  gpus: z.array(
    z.strictObject({ model: z.string(), vram_mb: count, total: count, available: count, in_use: count, mining: count }),
  ),
  price_per_gpu_hour: Money,
  price_per_cpu_hour: Money,
  agent_version: z.string(),
  created_at: Time,
  last_seen_at: Time.nullable(),
  offline_since: Time.nullable(),
});
export type ProviderView = z.infer<typeof ProviderView>;

export const MaintenanceView = z.strictObject({
  id: z.string(),
  starts_at: Time,
  ends_at: Time,
  reason: z.string(),
  announced_at: Time,
  /** inside it now */
  open: z.boolean(),
});
export type MaintenanceView = z.infer<typeof MaintenanceView>;

/** One GPU as its owner and operators see it. */
export const OwnGpuView = z.strictObject({
  index: count,
  model: z.string(),
  uuid: z.string(),
  vram_mb: count,
  driver: z.string().nullable(),
  declared: z.boolean(),
  /** the last report showed it */
  present: z.boolean(),
  /** the execution that holds it */
  execution_id: z.string().nullable(),
  /** of the last heartbeat; null where it was not told */
  utilization_percent: z.number().nullable(),
  memory_used_mb: z.number().nullable(),
});

/** What runs on a provider now: no customer, no key, no environment. */
export const OwnExecutionView = z.strictObject({
  id: z.string(),
  kind: z.enum(["rental", "batch"]),
  status: z.enum(EXECUTION_STATUSES),
  gpu_count: count,
  cpu_cores: count,
  memory_gb: count,
  disk_gb: count,
  /** of what runs here, before the fee */
  price_per_hour: Money,
  started_at: Time.nullable(),
  /** of a rental until when it is paid, of a batch job when it is given up */
  expires_at: Time.nullable(),
});
export type OwnExecutionView = z.infer<typeof OwnExecutionView>;

/** The node side of a provider that joins the cluster. */
export const NodeView = z.strictObject({
  node_name: z.string(),
  /** `joined` once the Node carries our taint */
  state: z.enum(["waiting-for-approval", "issuing", "waiting-for-node", "joined", "not-ready", "gone"]),
  /** the complete kubeadm command, while its token is good and the node has not joined; for the owner only */
  join_command: z.string().nullable(),
  expires_at: Time.nullable(),
  allocatable_gpus: count.nullable(),
  declared_gpus: count,
  kubelet_version: z.string().nullable(),
});
export type NodeView = z.infer<typeof NodeView>;

/** What owners and operators see of a provider, and nobody else. */
const KnownProviderView = ProviderView.extend({
  admission: z.enum(ADMISSIONS),
  admission_reason: z.string(),
  drain: z.enum(DRAINS),
  presence: z.enum(PRESENCES),
  host: z.string(),
  hostname: z.string(),
});

/** A provider as its owner and operators see it. */
export const OwnProviderView = KnownProviderView.extend({
  architecture: z.string(),
  addresses: z.array(z.string()),
  /** fractions of 0…1 over the last 30 days, or since it was first seen; null before that. Excused is announced maintenance */
  uptime: z.number().nullable(),
  downtime_seconds: count,
  downtimes: z.array(z.strictObject({ started_at: Time, ended_at: Time.nullable() })),
  maintenance: z.array(MaintenanceView),
  /** after the fee, since ever: cash and promotion together, and promotion alone */
  earned: Money,
  earned_promotion: Money,
  executions: z.array(OwnExecutionView),
  gpu_list: z.array(OwnGpuView),
  usage: z.strictObject({ cpu_percent: z.number(), memory_used_mb: z.number() }).nullable(),
  node: NodeView.nullable(),
  /** what the owner should do something about, worst first */
  notices: z.array(z.string()),
});
export type OwnProviderView = z.infer<typeof OwnProviderView>;

export const ReputationEventView = z.strictObject({
  id: count,
  /** as applied, after clamping */
  delta: z.int(),
  reason: z.string(),
  /** the batch job that it is about; null where it is about none */
  job_id: z.string().nullable(),
  at: Time,
  /** the score after it */
  score: count,
  /** until when it can be appealed; null where it cannot, or was */
  appeal_until: Time.nullable(),
  appeal: z
    .strictObject({
      text: z.string(),
      at: Time,
      decision: z.enum(APPEAL_DECISIONS).nullable(),
      reply: z.string().nullable(),
      decided_at: Time.nullable(),
    })
    .nullable(),
});
export type ReputationEventView = z.infer<typeof ReputationEventView>;

export const ProviderEventView = z.strictObject({
  id: count,
  provider_id: z.string(),
  provider_name: z.string(),
  code: z.string(),
  message: z.string(),
  data: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  /** the account that decided it */
  actor: z.string().nullable(),
  at: Time,
});
export type ProviderEventView = z.infer<typeof ProviderEventView>;

/** What a machine earned on a day of UTC, after the fee: cash and promotion together, and promotion alone. */
export const DayEarnedView = z.strictObject({ day: z.string(), earned: Money, earned_promotion: Money });
export type DayEarnedView = z.infer<typeof DayEarnedView>;

export const SampleView = z.strictObject({
  at: Time,
  cpu_percent: z.number(),
  memory_used_mb: z.number(),
  gpus: z.array(z.strictObject({ index: count, utilization_percent: z.number(), memory_used_mb: z.number() })),
});
export type SampleView = z.infer<typeof SampleView>;

/** A provider in an operator's list. */
export const OperatorProviderView = KnownProviderView.extend({
  live_executions: count,
  /** incidents of the last 7 days */
  incidents: count,
  /** other enrolled machines that show one of the same GPUs; an identity or a claim that cannot be true */
  shares_gpus_with: z.array(z.string()),
  /** since when it gets no batch job because its results were wrong, and how that is known; null where it is not so */
  quarantine: z.strictObject({ since: Time, reason: z.string() }).nullable(),
});
export type OperatorProviderView = z.infer<typeof OperatorProviderView>;

export const AppealView = z.strictObject({
  id: count,
  provider_id: z.string(),
  provider_name: z.string(),
  delta: z.int(),
  reason: z.string(),
  event_at: Time,
  text: z.string(),
  at: Time,
  /** an answer is owed until then */
  due_at: Time,
  decision: z.enum(APPEAL_DECISIONS).nullable(),
  reply: z.string().nullable(),
  decided_at: Time.nullable(),
  decided_by: z.string().nullable(),
});
export type AppealView = z.infer<typeof AppealView>;
