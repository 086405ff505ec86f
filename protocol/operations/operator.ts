// What operators decide. Every one of these needs a wallet of OPERATOR_ADDRESSES.
import { z } from "zod";
import { ADMISSIONS } from "../../domain/provider/state.ts";
import { idField, Page, text } from "../fields.ts";
import { operation } from "../operation.ts";
import { AppealView, OperatorProviderView, ProviderEventView } from "../provider-views.ts";

const params = z.strictObject({ id: idField("prov") });
const reason = z.strictObject({ reason: text(500) });
const cursor = z.string().nullable();
const events = z.strictObject({ events: z.array(ProviderEventView), count: z.int(), next_cursor: cursor });

export const operatorOperations = {
  listProvidersForOperator: operation({
    method: "GET",
    path: "/operator/providers",
    summary: "Providers by admission, newest first; without one, all but the removed",
    access: "wallet",
    query: z.strictObject({ admission: z.enum(ADMISSIONS).optional(), search: text(80).optional(), ...Page }),
    response: z.strictObject({
      providers: z.array(OperatorProviderView),
      count: z.int(),
      next_cursor: cursor,
      /** of all providers, by admission */
      admissions: z.record(z.string(), z.int()),
    }),
  }),
  approveProvider: operation({
    method: "POST",
    path: "/providers/:id/approve",
    summary: "Admit a machine, or take back its rejection or suspension",
    access: "wallet",
    params,
    response: OperatorProviderView,
  }),
  rejectProvider: operation({
    method: "POST",
    path: "/providers/:id/reject",
    summary: "Turn a machine away that waits for approval",
    access: "wallet",
    params,
    body: reason,
    response: OperatorProviderView,
  }),
  suspendProvider: operation({
    method: "POST",
    path: "/providers/:id/suspend",
    summary: "Stop a machine from taking work and end what runs on it",
    access: "wallet",
    params,
    body: reason,
    response: OperatorProviderView,
  }),
  listIncidents: operation({
    method: "GET",
    path: "/operator/incidents",
    summary: "What went wrong with providers, newest first",
    access: "wallet",
    query: z.strictObject({ provider_id: idField("prov").optional(), ...Page }),
    response: events,
  }),
  listAudit: operation({
    method: "GET",
    path: "/operator/audit",
    summary: "Who decided what, newest first",
    access: "wallet",
    query: z.strictObject({ ...Page }),
    response: events,
  }),
  listAppeals: operation({
    method: "GET",
    path: "/operator/appeals",
    summary: "Appeals: those without an answer first, oldest first",
    access: "wallet",
    query: z.strictObject({ ...Page }),
    response: z.strictObject({ appeals: z.array(AppealView), count: z.int(), next_cursor: cursor }),
  }),
  decideAppeal: operation({
    method: "POST",
    path: "/operator/appeals/:appeal/decision",
    summary: "Grant an appeal, which gives back what was taken, or uphold the loss",
    access: "wallet",
    params: z.strictObject({
      appeal: z
        .string()
        .regex(/^[1-9]\d{0,14}$/, "the id of an appeal")
        .transform(Number),
    }),
    body: z.strictObject({ granted: z.boolean(), reply: text(2000) }),
    response: AppealView,
  }),
};
