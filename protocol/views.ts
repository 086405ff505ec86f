// What the wire shows: snake_case, money as decimal strings, times in RFC 3339 with a zone.
import { z } from "zod";
import { EXECUTION_STATUSES } from "../domain/execution/state.ts";
import { FAULTS } from "../domain/job/reasons.ts";
import { RENTAL_STATUSES } from "../domain/job/status.ts";
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
const cursor = z.string().nullable();

export const OfferView = z.strictObject({
  provider_id: z.string(),
  provider_name: z.string(),
  /** null: cores only */
  gpu_model: z.string().nullable(),
  gpu_vram_mb: count,
  total_gpus: count,
  available_gpus: count,
  in_use_gpus: count,
  mining_gpus: count,
  declared: z.boolean(),
  sandboxed: z.boolean(),
  /** what it runs executions with; a `process` runtime uses no image */
  runtime: z.enum(RUNTIMES),
  cpu_cores_free: count,
  memory_gb_free: count,
  disk_gb_free: count,
  region: z.string(),
  reputation: count,
  status: z.enum(PROVIDER_STATUSES),
  /** start of the next announced maintenance: no rental may reach beyond it */
  busy_from: Time.nullable(),
  offline_since: Time.nullable(),
  price_per_gpu_hour: Money,
  price_per_cpu_hour: Money,
});
export type OfferView = z.infer<typeof OfferView>;

export const FacetsView = z.strictObject({
  /** how many offers each value has, under the other filters */
  gpu: z.record(z.string(), count),
  region: z.record(z.string(), count),
  status: z.record(z.string(), count),
  runtime: z.record(z.string(), count),
  vram_mb: z.record(z.string(), count),
  /** offers in all, those that pass every filter, and how many would return if only that filter were dropped */
  total: count,
  found: count,
  removed: z.record(z.string(), count),
});
export type FacetsView = z.infer<typeof FacetsView>;

export const SearchView = z.strictObject({
  offers: z.array(OfferView),
  count,
  next_cursor: cursor,
  facets: FacetsView,
});
export type SearchView = z.infer<typeof SearchView>;

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

/** A provider as its owner and operators see it. */
export const OwnProviderView = ProviderView.extend({
  admission: z.enum(ADMISSIONS),
  admission_reason: z.string(),
  drain: z.enum(DRAINS),
  presence: z.enum(PRESENCES),
  host: z.string(),
  hostname: z.string(),
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

export const SampleView = z.strictObject({
  at: Time,
  cpu_percent: z.number(),
  memory_used_mb: z.number(),
  gpus: z.array(z.strictObject({ index: count, utilization_percent: z.number(), memory_used_mb: z.number() })),
});
export type SampleView = z.infer<typeof SampleView>;

/** A provider in an operator's list. */
export const OperatorProviderView = ProviderView.extend({
  admission: z.enum(ADMISSIONS),
  admission_reason: z.string(),
  drain: z.enum(DRAINS),
  presence: z.enum(PRESENCES),
  host: z.string(),
  hostname: z.string(),
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

export const SavedSearchView = z.strictObject({
  id: z.string(),
  name: z.string(),
  /** of the market page and of GET /providers/search */
  query: z.string(),
  alert_at_or_below: Money.nullable(),
  /** something that fits costs no more than that now */
  alerting: z.boolean(),
  /** of the last look, at most a minute old; null before the first */
  matches: count.nullable(),
  lowest_price: Money.nullable(),
  checked_at: Time.nullable(),
  created_at: Time,
});
export type SavedSearchView = z.infer<typeof SavedSearchView>;

export const AlertView = z.strictObject({
  id: count,
  saved_search_id: z.string(),
  message: z.string(),
  data: z.record(z.string(), z.union([z.string(), z.number(), z.null()])),
  at: Time,
  read: z.boolean(),
});
export type AlertView = z.infer<typeof AlertView>;

export const AvailabilityView = z.strictObject({
  providers: z.array(
    z.strictObject({
      provider_id: z.string(),
      gpu_type: z.string(),
      total_gpus: count,
      available_gpus: count,
      mining_gpus: count,
      can_create_job: z.boolean(),
      price_per_hour: Money,
    }),
  ),
  count,
  total_gpus: count,
  available_gpus: count,
  mining_gpus: count,
});

export const ReasonView = z.strictObject({
  code: z.string(),
  sentence: z.string(),
  fault: z.enum(FAULTS),
  remedy: z.string(),
  /** what to rent next time, where a larger rental would have gone on */
  suggests: z.strictObject({ memory_gb: count, storage_gb: count }).nullable(),
});
export type ReasonView = z.infer<typeof ReasonView>;

export const SshView = z.strictObject({
  host: z.string(),
  port: z.int(),
  user: z.string(),
  command: z.string(),
  /** "ssh-ed25519 AAAA…": what known_hosts should say */
  host_key: z.string(),
});

export const JobView = z.strictObject({
  id: z.string(),
  job_id: z.string(),
  kind: z.literal("rental"),
  name: z.string(),
  status: z.enum(RENTAL_STATUSES),
  /** true while the provider is out of reach: not charged */
  unreachable: z.boolean(),
  reason: ReasonView.nullable(),
  provider_id: z.string(),
  provider_name: z.string(),
  region: z.string(),
  gpu_model: z.string().nullable(),
  gpu_count: count,
  /** GPUs that their owner declared and no driver confirmed */
  declared: z.boolean(),
  cpu_cores: count,
  memory_gb: count,
  storage_gb: count,
  image: z.string(),
  /** slug of the template it was rented with; null for an image of the customer's own */
  template: z.string().nullable(),
  /** `process`: plain sandboxed processes, which use no image */
  runtime: z.enum(RUNTIMES),
  duration_hours: count,
  /** of the whole job, frozen */
  price_per_hour: Money,
  cost_so_far: Money,
  /** what is still set aside */
  held: Money,
  running_seconds: count,
  outage_seconds: count,
  created_at: Time,
  started_at: Time.nullable(),
  ended_at: Time.nullable(),
  expires_at: Time.nullable(),
  ssh: SshView.nullable(),
  /** SHA256 fingerprint of the SSH host key, known before the first login */
  host_key_fingerprint: z.string(),
  /** runs beside SSH, as the template said; null for nothing */
  command: z.array(z.string()).nullable(),
  /** a port of it that serves HTTP to its owner: POST /jobs/:id/port gives a link; null for none */
  http_port: z.int().nullable(),
  /** whether this broker can show a terminal in it now */
  terminal: z.boolean(),
});
export type JobView = z.infer<typeof JobView>;

export const TemplateView = z.strictObject({
  slug: z.string(),
  name: z.string(),
  description: z.string(),
  /** what runs */
  image: z.string(),
  /** the public image that it is built from, to which the operator added sshd; null where `image` is public itself */
  base: z.string().nullable(),
  /** defaults; the rental's own variables win */
  env: z.record(z.string(), z.string()),
  /** of each GPU; 0: no GPU is needed */
  /** runs beside SSH; null for nothing */
  command: z.array(z.string()).nullable(),
  /** where that serves HTTP; null for nothing */
  http_port: z.int().nullable(),
  min_vram_mb: count,
  min_disk_gb: count,
});
export type TemplateView = z.infer<typeof TemplateView>;

export const LogsView = z.strictObject({
  /** whole lines but for the last, which may still grow */
  logs: z.string(),
  /** more was written before this and is not shown, or not kept any more */
  truncated: z.boolean(),
});
export type LogsView = z.infer<typeof LogsView>;

export const PortLinkView = z.strictObject({ url: z.string(), expires_at: Time });
export type PortLinkView = z.infer<typeof PortLinkView>;

export const EventView = z.strictObject({
  id: z.string(),
  at: Time,
  code: z.string(),
  message: z.string(),
  data: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
});
export type EventView = z.infer<typeof EventView>;

export const EstimateView = z.strictObject({
  /** null where no offer fits */
  price_per_hour: Money.nullable(),
  hold: Money.nullable(),
  hours: count,
  cores_billed: count,
  offers_considered: count,
  offers_fitting: count,
  removed: z.record(z.string(), count),
  chosen: z
    .strictObject({
      provider_id: z.string(),
      provider_name: z.string(),
      gpu_model: z.string().nullable(),
      region: z.string(),
      runtime: z.enum(RUNTIMES),
      why: z.string(),
    })
    .nullable(),
  /** says what would help where nothing fits */
  advice: z.string().nullable(),
});
export type EstimateView = z.infer<typeof EstimateView>;

export const Problem = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  request_id: z.string(),
  retry: z.boolean(),
  fields: z.array(z.strictObject({ field: z.string(), message: z.string() })).optional(),
  removed: z.record(z.string(), count).optional(),
});
export type Problem = z.infer<typeof Problem>;
