"use server";
// What can be done to saved searches and their alerts.
import { refresh } from "next/cache";
import { toMoney } from "../../components/market/query.ts";
import type { FormState } from "../../components/ui/form-state.ts";
import { requireScope } from "../../domain/account/principal.ts";
import { savedSearchOperations } from "../../protocol/operations/saved-search.ts";
import { readAlerts } from "../../server/usecases/search/alerts.ts";
import { deleteSavedSearch } from "../../server/usecases/search/delete-saved-search.ts";
import { saveSearch } from "../../server/usecases/search/save-search.ts";
import { deps, requirePrincipal } from "../context.ts";
import { attempt, read } from "../refusals.ts";

async function customer() {
  const who = await requirePrincipal();
  requireScope(who, "jobs");
  return who;
}

export async function saveSearchAction(previous: FormState, form: FormData): Promise<FormState> {
  return attempt(previous, async () => {
    const who = await customer();
    const price = String(form.get("alert_at_or_below") ?? "").trim();
    const wish = read(savedSearchOperations.createSavedSearch.body, {
      name: form.get("name"),
      query: form.get("query"),
      ...(price ? { alert_at_or_below: toMoney(price) } : {}),
    });
    await saveSearch(deps(), who, wish, null);
  });
}

export async function forgetSearchAction(previous: FormState, form: FormData): Promise<FormState> {
  const state = await attempt(previous, async () => {
    const who = await customer();
    const { id } = read(savedSearchOperations.deleteSavedSearch.params, { id: form.get("id") });
    await deleteSavedSearch(deps(), who, id);
  });
  refresh();
  return state;
}

export async function readAlertsAction(previous: FormState): Promise<FormState> {
  const state = await attempt(previous, async () => readAlerts(deps(), await customer()));
  refresh();
  return state;
}
