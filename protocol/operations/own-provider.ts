// What an owner does with the machines that earn for it.
import { z } from "zod";
import { AgentDrain, LogReport } from "../agent.ts";
import { idField, Micros, Page, queryInt, Time, text } from "../fields.ts";
import { operation } from "../operation.ts";
import {
  DayEarnedView,
  MaintenanceView,
  OwnProviderView,
  ProviderEventView,
  ReputationEventView,
  SampleView,
} from "../provider-views.ts";
import { ResultsAnswer, ResultsReport } from "../results.ts";

const params = z.strictObject({ id: idField("prov") });
const eventId = z.int().min(1).max(Number.MAX_SAFE_INTEGER);

export const Announce = z.strictObject({ starts_at: Time, ends_at: Time, reason: text(200) });
export const Price = z.strictObject({ price_per_gpu_hour: Micros, price_per_cpu_hour: Micros });
export const Appeal = z.strictObject({ reputation_event_id: eventId, text: text(2000) });

const events = z.strictObject({
  events: z.array(ProviderEventView),
  count: z.int(),
  next_cursor: z.string().nullable(),
});

export const ownProviderOperations = {
  listOwnProviders: operation({
    method: "GET",
    path: "/providers/mine",
    summary: "Your own machines, newest first, removed ones left out",
    access: "read",
    query: z.strictObject({ ...Page }),
    response: z.strictObject({
      providers: z.array(OwnProviderView),
      count: z.int(),
      next_cursor: z.string().nullable(),
    }),
  }),
  getOwnProvider: operation({
    method: "GET",
    path: "/providers/:id/own",
    summary: "Everything about a machine, for its owner and for operators",
    access: "read",
    secret: true,
    params,
    response: OwnProviderView,
  }),
  listProviderEvents: operation({
    method: "GET",
    path: "/providers/:id/events",
    summary: "What happened to a machine, newest first; for its owner and for operators",
    access: "read",
    params,
    query: z.strictObject({ ...Page }),
    response: events,
  }),
  listEarnings: operation({
    method: "GET",
    path: "/providers/:id/earnings",
    summary: "What a machine earned, by day of UTC, newest first; days without a booking are left out",
    access: "read",
    params,
    query: z.strictObject({ ...Page }),
    response: z.strictObject({
      days: z.array(DayEarnedView),
      count: z.int(),
      next_cursor: z.string().nullable(),
    }),
  }),
  listSamples: operation({
    method: "GET",
    path: "/providers/:id/samples",
    summary: "Usage once a minute, oldest first, of at most 7 days; for its owner and for operators",
    access: "read",
    params,
    /** of the last so many minutes; more than 1 500 points are thinned evenly */
    query: z.strictObject({ minutes: queryInt(1, 10_080).optional() }),
    response: z.strictObject({ samples: z.array(SampleView), count: z.int(), next_cursor: z.null() }),
  }),
  listReputation: operation({
    method: "GET",
    path: "/providers/:id/reputation",
    summary: "Every change of a provider's reputation with its reason, newest first",
    access: "public",
    params,
    query: z.strictObject({ ...Page }),
    response: z.strictObject({
      reputation: z.int(),
      events: z.array(ReputationEventView),
      count: z.int(),
      next_cursor: z.string().nullable(),
    }),
  }),
  drainProvider: operation({
    method: "POST",
    path: "/providers/:id/drain",
    summary: "Take no new work, or take work again; what runs goes on to its end",
    access: "providers",
    params,
    body: z.strictObject({ draining: z.boolean() }),
    response: OwnProviderView,
  }),
  drainFromAgent: operation({
    method: "POST",
    path: "/providers/:id/agent-drain",
    summary: "The same, signed by the machine",
    access: "agent",
    params,
    body: AgentDrain,
    response: z.strictObject({ draining: z.boolean(), live_executions: z.int() }),
  }),
  reportLogs: operation({
    method: "POST",
    path: "/providers/:id/executions/:execution/logs",
    summary: "What an execution wrote since, signed by the machine; an empty part only asks where to go on",
    access: "agent",
    params: z.strictObject({ id: idField("prov"), execution: idField("exec") }),
    body: LogReport,
    response: z.strictObject({ next_offset: z.int() }),
  }),
  reportResults: operation({
    method: "POST",
    path: "/providers/:id/results",
    summary: "What executions of batch jobs delivered, signed by the machine; each is answered by itself",
    access: "agent",
    params,
    body: ResultsReport,
    response: ResultsAnswer,
  }),
  announceMaintenance: operation({
    method: "POST",
    path: "/providers/:id/maintenance",
    summary: "Announce maintenance, a day ahead and at most 4 hours in 30 days: no penalty inside it",
    access: "providers",
    status: 201,
    idempotent: true,
    params,
    body: Announce,
    response: MaintenanceView,
  }),
  cancelMaintenance: operation({
    method: "DELETE",
    path: "/providers/:id/maintenance/:window",
    summary: "Cancel announced maintenance that is not over",
    access: "providers",
    params: z.strictObject({ id: idField("prov"), window: idField("mnt") }),
  }),
  changePrice: operation({
    method: "POST",
    path: "/providers/:id/price",
    summary: "Change the price of new jobs; those that run keep theirs",
    access: "providers",
    params,
    body: Price,
    response: OwnProviderView,
  }),
  appealReputation: operation({
    method: "POST",
    path: "/providers/:id/appeal",
    summary: "Appeal a loss of reputation within 7 days, once",
    access: "providers",
    params,
    body: Appeal,
    response: ReputationEventView,
  }),
  renewJoin: operation({
    method: "POST",
    path: "/providers/:id/join",
    summary: "Issue a new join command for a machine whose token ran out",
    access: "providers",
    secret: true,
    params,
    response: OwnProviderView,
  }),
  removeProvider: operation({
    method: "DELETE",
    path: "/providers/:id",
    summary: "Take a machine out of Berth for good; it must be idle",
    access: "wallet",
    params,
  }),
};
