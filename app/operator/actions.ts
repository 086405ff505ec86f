"use server";
// What operators decide from their pages. Whether they may is asked by the use cases.
import { refresh } from "next/cache";
import type { FormState } from "../../components/ui/form-state.ts";
import { operatorOperations } from "../../protocol/operations/operator.ts";
import { decideAppeal } from "../../server/usecases/provider/appeal-reputation.ts";
import { approveProvider, rejectProvider, suspendProvider } from "../../server/usecases/provider/decide-admission.ts";
import { deps, requirePrincipal } from "../context.ts";
import { attempt, read } from "../refusals.ts";

/** A text area breaks lines; what is kept is one line. */
function line(form: FormData, name: string): string | null {
  const given = form.get(name);
  return typeof given === "string" ? given.replace(/\s+/g, " ") : null;
}

export async function approveAction(id: string, previous: FormState): Promise<FormState> {
  const state = await attempt(previous, async () => {
    const who = await requirePrincipal();
    await approveProvider(deps(), who, read(operatorOperations.approveProvider.params, { id }).id);
  });
  refresh();
  return state;
}

export async function rejectAction(id: string, previous: FormState, form: FormData): Promise<FormState> {
  const state = await attempt(previous, async () => {
    const who = await requirePrincipal();
    const params = read(operatorOperations.rejectProvider.params, { id });
    const { reason } = read(operatorOperations.rejectProvider.body, { reason: line(form, "reason") });
    await rejectProvider(deps(), who, params.id, reason);
  });
  refresh();
  return state;
}

export async function suspendAction(id: string, previous: FormState, form: FormData): Promise<FormState> {
  const state = await attempt(previous, async () => {
    const who = await requirePrincipal();
    const params = read(operatorOperations.suspendProvider.params, { id });
    const { reason } = read(operatorOperations.suspendProvider.body, { reason: line(form, "reason") });
    await suspendProvider(deps(), who, params.id, reason);
  });
  refresh();
  return state;
}

export async function decideAppealAction(appeal: number, previous: FormState, form: FormData): Promise<FormState> {
  const state = await attempt(previous, async () => {
    const who = await requirePrincipal();
    const decision = form.get("decision");
    const granted = decision === "granted" ? true : decision === "upheld" ? false : null;
    const answer = read(operatorOperations.decideAppeal.body, { granted, reply: line(form, "reply") });
    await decideAppeal(deps(), who, appeal, answer);
  });
  refresh();
  return state;
}
