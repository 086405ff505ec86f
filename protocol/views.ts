// What the wire shows: snake_case, money as decimal strings, times in RFC 3339 with a zone.
import { z } from "zod";
import { FAULTS } from "../domain/job/reasons.ts";
import { RENTAL_STATUSES } from "../domain/job/status.ts";
import { PROVIDER_STATUSES, RUNTIMES } from "../domain/provider/state.ts";
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
  offline_since: Time.nullable(),
  price_per_gpu_hour: Money,
  price_per_cpu_hour: Money,
});
export type OfferView = z.infer<typeof OfferView>;

export const FacetsView = z.strictObject({
  /** how many offers each value has, under the other filters */
  gpu: z.record(z.string(), count),
  region: z.record(z.string(), count),
  /** offers in all, and how many would return if only that filter were dropped */
  total: count,
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
});
export type JobView = z.infer<typeof JobView>;

export const JobsView = z.strictObject({ jobs: z.array(JobView), count, next_cursor: cursor });

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

export const BillingView = z.strictObject({
  account: AddressView,
  available: Money,
  available_promotion: Money,
  held: Money,
  spent: Money,
  earned: Money,
});
export type BillingView = z.infer<typeof BillingView>;

export const EntryView = z.strictObject({
  id: z.string(),
  posting_id: z.string(),
  at: Time,
  kind: z.enum(["promotion", "hold", "charge", "release"]),
  book: z.enum(["available", "held", "earned"]),
  funds: z.enum(["cash", "promotion"]),
  amount: Money,
  job_id: z.string().nullable(),
  description: z.string(),
});
export type EntryView = z.infer<typeof EntryView>;
export const EntriesView = z.strictObject({ entries: z.array(EntryView), count, next_cursor: cursor });

export const SshKeyView = z.strictObject({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  public_key: z.string(),
  fingerprint: z.string(),
  created_at: Time,
});
export type SshKeyView = z.infer<typeof SshKeyView>;

export const ApiKeyView = z.strictObject({
  id: z.string(),
  name: z.string(),
  scopes: z.array(z.enum(["read", "jobs", "providers"])),
  prefix: z.string(),
  created_at: Time,
  last_used_at: Time.nullable(),
});
export type ApiKeyView = z.infer<typeof ApiKeyView>;

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
