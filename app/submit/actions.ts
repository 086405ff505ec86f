"use server";
// What the submit page asks for: the price of a job.yaml, and the job itself.
import { createHash } from "node:crypto";
import { redirect } from "next/navigation";
import { readJobYaml } from "../../components/batch/job-yaml.ts";
import type { BatchAnswer } from "../../components/batch/submit-form.tsx";
import type { FormState } from "../../components/ui/form-state.ts";
import { AppError } from "../../domain/errors.ts";
import { BatchBody } from "../../protocol/batch.ts";
import { estimateBatch, submitBatch } from "../../server/usecases/batch/submit-batch.ts";
import { deps, principal, requirePrincipal } from "../context.ts";
import { read, refusalOf } from "../refusals.ts";

/** @throws AppError `bad-request` naming each field, or the line where it is no YAML */
function bodyOf(yaml: string): BatchBody {
  const { body, problems } = readJobYaml(yaml);
  if (problems.length > 0) {
    const fields = problems.map(({ line, message }) => ({ field: "", message: `line ${line}: ${message}` }));
    throw new AppError("bad-request", "job.yaml cannot be read.", { fields });
  }
  return read(BatchBody, body);
}

export async function estimateAction(yaml: string): Promise<BatchAnswer> {
  try {
    return { estimate: await estimateBatch(deps(), await principal(), bodyOf(String(yaml))), refusal: null };
  } catch (error) {
    return { estimate: null, refusal: refusalOf(error) };
  }
}

export async function submitAction(previous: FormState, form: FormData): Promise<FormState> {
  let jobId: string;
  try {
    const who = await requirePrincipal();
    const yaml = String(form.get("yaml") ?? "");
    // Twice the same text is once; a text that was changed after a way back is another job.
    const key = createHash("sha256")
      .update(`${form.get("idempotency_key")}\n${yaml}`)
      .digest("hex")
      .slice(0, 32);
    jobId = (await submitBatch(deps(), who, bodyOf(yaml), key)).id;
  } catch (error) {
    return { refusal: refusalOf(error), done: previous.done };
  }
  redirect(`/jobs/${jobId}`); // throws by design: outside the try
}
