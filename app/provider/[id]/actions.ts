"use server";
// What an owner does to a machine from its page.
import { refresh } from "next/cache";
import { redirect } from "next/navigation";
import { toMoney } from "../../../components/market/query.ts";
import type { FormState } from "../../../components/ui/form-state.ts";
import { type Principal, requireScope } from "../../../domain/account/principal.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import { ownProviderOperations as operations } from "../../../protocol/operations/own-provider.ts";
import { renewJoin } from "../../../server/usecases/node/renew-join.ts";
import { announceMaintenance, cancelMaintenance } from "../../../server/usecases/provider/announce-maintenance.ts";
import { appealReputation } from "../../../server/usecases/provider/appeal-reputation.ts";
import { changePrice } from "../../../server/usecases/provider/change-price.ts";
import { drainProvider } from "../../../server/usecases/provider/drain-provider.ts";
import { removeProvider } from "../../../server/usecases/provider/remove-provider.ts";
import { deps, requirePrincipal } from "../../context.ts";
import { attempt, read } from "../../refusals.ts";

/** Reads who asks and about which machine, does it, and shows the page as it is then. */
async function change(
  id: string,
  previous: FormState,
  work: (who: Principal, id: ProviderId) => Promise<unknown>,
): Promise<FormState> {
  const state = await attempt(previous, async () => {
    const who = await requirePrincipal();
    requireScope(who, "providers");
    await work(who, read(operations.getOwnProvider.params, { id }).id);
  });
  refresh();
  return state;
}

const textOf = (form: FormData, field: string) => {
  const value = form.get(field);
  return typeof value === "string" ? value : "";
};

export async function priceAction(id: string, previous: FormState, form: FormData): Promise<FormState> {
  return change(id, previous, async (who, provider) => {
    const price = read(operations.changePrice.body, {
      price_per_gpu_hour: toMoney(textOf(form, "price_per_gpu_hour")),
      price_per_cpu_hour: toMoney(textOf(form, "price_per_cpu_hour")),
    });
    await changePrice(deps(), who, provider, price);
  });
}

export async function drainAction(id: string, previous: FormState, form: FormData): Promise<FormState> {
  return change(id, previous, (who, provider) => drainProvider(deps(), who, provider, form.get("draining") === "true"));
}

export async function announceAction(id: string, previous: FormState, form: FormData): Promise<FormState> {
  return change(id, previous, async (who, provider) => {
    const wish = read(operations.announceMaintenance.body, {
      starts_at: form.get("starts_at"),
      ends_at: form.get("ends_at"),
      reason: form.get("reason"),
    });
    const key = form.get("idempotency_key");
    await announceMaintenance(deps(), who, provider, wish, typeof key === "string" ? key : null);
  });
}

export async function cancelAction(id: string, previous: FormState, form: FormData): Promise<FormState> {
  return change(id, previous, async (who) => {
    const params = read(operations.cancelMaintenance.params, { id, window: form.get("window") });
    await cancelMaintenance(deps(), who, params.id, params.window);
  });
}

export async function appealAction(id: string, previous: FormState, form: FormData): Promise<FormState> {
  return change(id, previous, async (who, provider) => {
    const appeal = read(operations.appealReputation.body, {
      reputation_event_id: Number(form.get("reputation_event_id")),
      text: textOf(form, "text").replace(/\s+/g, " "), // one line on the wire
    });
    await appealReputation(deps(), who, provider, appeal);
  });
}

export async function renewAction(id: string, previous: FormState): Promise<FormState> {
  return change(id, previous, (who, provider) => renewJoin(deps(), who, provider));
}

export async function removeAction(id: string, previous: FormState): Promise<FormState> {
  const state = await attempt(previous, async () => {
    const who = await requirePrincipal();
    requireScope(who, "wallet");
    await removeProvider(deps(), who, read(operations.removeProvider.params, { id }).id);
  });
  if (state.refusal) {
    refresh();
    return state;
  }
  redirect("/provider"); // throws by design
}
