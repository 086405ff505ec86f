// The market and the machines behind it.
import { z } from "zod";
import { MARKET_SORTS } from "../../domain/placement/facets.ts";
import { PROVIDER_STATUSES, RUNTIMES } from "../../domain/provider/state.ts";
import { Enrol, Heartbeat, HeartbeatAnswer } from "../agent.ts";
import { Flag, idField, Micros, Page, queryInt, queryList, Time, text } from "../fields.ts";
import { AvailabilityView, SearchView } from "../market-views.ts";
import { operation } from "../operation.ts";
import { ProviderView } from "../provider-views.ts";

const MAX_VALUES = 32;

const vramMb = queryInt(0, 4_194_304).optional();
const gpus = queryInt(0, 64).optional();
const cores = queryInt(0, 4096).optional();
/** MB */
const ram = queryInt(0, 268_435_456).optional();
/** GB */
const disk = queryInt(0, 16_777_216).optional();
const price = Micros.optional();
const reputation = queryInt(0, 1000).optional();

/** Lists are repeated parameters: `gpu=A&gpu=B` is either. `not_` keeps values away. */
export const SearchQuery = z
  .strictObject({
    gpu: queryList(text(80), MAX_VALUES).optional(),
    not_gpu: queryList(text(80), MAX_VALUES).optional(),
    ...{ min_vram_mb: vramMb, max_vram_mb: vramMb },
    /** that are free */
    ...{ min_gpus: gpus, max_gpus: gpus },
    ...{ min_total_gpus: gpus, max_total_gpus: gpus },
    ...{ min_cpu: cores, max_cpu: cores, min_ram: ram, max_ram: ram, min_disk: disk, max_disk: disk },
    /** per GPU hour, or core hour where there are cores only */
    ...{ min_price: price, max_price: price },
    region: queryList(text(32), MAX_VALUES).optional(),
    not_region: queryList(text(32), MAX_VALUES).optional(),
    ...{ min_reputation: reputation, max_reputation: reputation },
    status: queryList(z.enum(PROVIDER_STATUSES), MAX_VALUES).optional(),
    runtime: queryList(z.enum(RUNTIMES), MAX_VALUES).optional(),
    provider: queryList(idField("prov"), MAX_VALUES).optional(),
    ...{ declared: Flag.optional(), sandboxed: Flag.optional() },
    /** no announced maintenance begins before */
    hours: queryInt(1, 720).optional(),
    sort: z.enum(MARKET_SORTS).optional(),
    ...Page,
  })
  .check(({ value, issues }) => {
    for (const [least, most] of RANGES) {
      const [min, max] = [value[least], value[most]];
      if (min === undefined || max === undefined || min <= max) continue;
      issues.push({ code: "custom", path: [least], message: `is more than ${most}`, input: value });
    }
  });
const RANGES = [
  ["min_vram_mb", "max_vram_mb"],
  ["min_gpus", "max_gpus"],
  ["min_total_gpus", "max_total_gpus"],
  ["min_cpu", "max_cpu"],
  ["min_ram", "max_ram"],
  ["min_disk", "max_disk"],
  ["min_price", "max_price"],
  ["min_reputation", "max_reputation"],
] as const;
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
