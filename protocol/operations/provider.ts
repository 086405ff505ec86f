// The market and the machines behind it.
import { z } from "zod";
import { PROVIDER_STATUSES } from "../../domain/provider/state.ts";
import { Enrol, Heartbeat, HeartbeatAnswer } from "../agent.ts";
import { idField, Micros, Page, queryInt, Time, text } from "../fields.ts";
import { operation } from "../operation.ts";
import { AvailabilityView, ProviderView, SearchView } from "../views.ts";

export const SORTS = ["price", "-price", "reputation", "gpus", "vram"] as const;
export type Sort = (typeof SORTS)[number];

export const SearchQuery = z.strictObject({
  gpu: text(80).optional(),
  min_vram_mb: queryInt(0, 4_194_304).optional(),
  min_gpus: queryInt(0, 64).optional(),
  min_cpu: queryInt(0, 4096).optional(),
  /** MB */
  min_ram: queryInt(0, 268_435_456).optional(),
  /** GB */
  min_disk: queryInt(0, 16_777_216).optional(),
  max_price: Micros.optional(),
  region: text(32).optional(),
  min_reputation: queryInt(0, 1000).optional(),
  status: z.enum(PROVIDER_STATUSES).optional(),
  sort: z.enum(SORTS).optional(),
  ...Page,
});
export type SearchQuery = z.infer<typeof SearchQuery>;

export const providerOperations = {
  searchProviders: operation({
    method: "GET",
    path: "/providers/search",
    summary: "Search offers, with counts per value and what each filter removed",
    access: "public",
    query: SearchQuery,
    response: SearchView,
  }),
  gpuAvailability: operation({
    method: "GET",
    path: "/providers/gpu-availability",
    summary: "GPUs per offer and in all; rentable = available + mining",
    access: "public",
    query: z.strictObject({ gpu_type: text(80).optional() }),
    response: AvailabilityView,
  }),
  listProviders: operation({
    method: "GET",
    path: "/providers",
    summary: "Providers, newest first",
    access: "public",
    query: z.strictObject({ status: z.enum(PROVIDER_STATUSES).optional(), ...Page }),
    response: z.strictObject({
      providers: z.array(ProviderView),
      count: z.int(),
      next_cursor: z.string().nullable(),
    }),
  }),
  getProvider: operation({
    method: "GET",
    path: "/providers/:id",
    summary: "One provider",
    access: "public",
    params: z.strictObject({ id: idField("prov") }),
    response: ProviderView,
  }),
  createEnrolmentToken: operation({
    method: "POST",
    path: "/providers/enrolment-tokens",
    summary: "Make a token that enrols one machine for your wallet: single use, 1 hour",
    access: "wallet",
    status: 201,
    secret: true,
    response: z.strictObject({ token: z.string(), expires_at: Time }),
  }),
  enrolProvider: operation({
    method: "POST",
    path: "/providers",
    summary: "Enrol the machine whose key is given",
    access: "public",
    status: 201,
    body: Enrol,
    response: z.strictObject({ provider_id: z.string(), owner: z.string() }),
  }),
  heartbeat: operation({
    method: "POST",
    path: "/providers/:id/heartbeat",
    summary: "Sign of life and long poll: answers what should run there now",
    access: "agent",
    secret: true,
    params: z.strictObject({ id: idField("prov") }),
    query: z.strictObject({ wait: queryInt(0, 25).optional() }),
    body: Heartbeat,
    response: HeartbeatAnswer,
  }),
};
