// What the wire shows of the market: its offers and their counts, and what an account keeps of its searches.
import { z } from "zod";
import { PROVIDER_STATUSES, RUNTIMES } from "../domain/provider/state.ts";
import { Money, Time } from "./fields.ts";

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
