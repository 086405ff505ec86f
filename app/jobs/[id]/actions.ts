"use server";
// What can be done to a job from its page.
import { refresh } from "next/cache";
import type { FormState } from "../../../components/ui/form-state.ts";
import { jobOperations } from "../../../protocol/operations/job.ts";
import { stopAnyJob } from "../../../server/usecases/job/any-job.ts";
import { extendJob } from "../../../server/usecases/job/extend-job.ts";
import { deps, requirePrincipal } from "../../context.ts";
import { attempt, read } from "../../refusals.ts";

export async function extendAction(id: string, previous: FormState, form: FormData): Promise<FormState> {
  const state = await attempt(previous, async () => {
    const who = await requirePrincipal();
    const params = read(jobOperations.extendJob.params, { id });
    const { hours } = read(jobOperations.extendJob.body, { hours: Number(form.get("hours")) });
    const key = form.get("idempotency_key");
    await extendJob(deps(), who, params.id, hours, typeof key === "string" ? key : null);
  });
  refresh();
  return state;
}

export async function stopAction(id: string, previous: FormState): Promise<FormState> {
  const state = await attempt(previous, async () => {
    const who = await requirePrincipal();
    const params = read(jobOperations.stopJob.params, { id });
    await stopAnyJob(deps(), who, params.id);
  });
  refresh();
  return state;
}
