// What the wire shows of a job: a rental with its estimate and template, and what batch jobs share with it.
import { z } from "zod";
import { FAULTS } from "../domain/job/reasons.ts";
import { RENTAL_STATUSES } from "../domain/job/status.ts";
import { RUNTIMES } from "../domain/provider/state.ts";
import { Money, Time } from "./fields.ts";

const count = z.int().min(0);

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
  /** runs beside SSH; null for nothing */
  command: z.array(z.string()).nullable(),
  /** where that serves HTTP; null for nothing */
  http_port: z.int().nullable(),
  /** of each GPU; 0: no GPU is needed */
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
