// What the fields of a batch job have to do with each other. Who submits checks it, and the broker does so again.
import type { FieldProblem } from "../domain/errors.ts";
import { quorumOf } from "../domain/job/batch.ts";
import type { BatchBody } from "./batch.ts";

/** Of each execution: who asks for a GPU or names a model, and says no number, means one. */
export function gpusOf({ gpu_count, required_gpu, gpu_type }: BatchBody): number {
  return gpu_count ?? (required_gpu || gpu_type !== undefined ? 1 : 0);
}

/**
 * Each field that does not go with the others, once; [] where all is well.
 * Whoever asks for more voters than are paid for would have the broker pay for them: quorum is at most redundancy.
 */
export function unfitFields(body: BatchBody): FieldProblem[] {
  const { redundancy, consensus } = body;
  const found: FieldProblem[] = [];
  const refuse = (field: string, message: string) => {
    if (!found.some((one) => one.field === field)) found.push({ field, message });
  };
  if (consensus > redundancy)
    refuse("consensus", `is at most redundancy, which is ${redundancy}; 1 takes a single result, unverified`);
  else if (quorumOf(body) > redundancy)
    refuse("redundancy", `is at least ${quorumOf(body)} with assurance high: so many owners have to agree`);
  if (body.comparator.kind === "files" && body.files.length === 0)
    refuse("files", "must name the output files that the comparator files compares");
  if (new Set(body.files).size < body.files.length) refuse("files", "must name each file once");
  if (body.required_gpu && gpusOf(body) === 0) refuse("gpu_count", "is at least 1 where required_gpu is true");
  if (body.gpu_type !== undefined && gpusOf(body) === 0) refuse("gpu_type", "a job without GPUs names no model");
  if (body.reusable && (body.network || Object.keys(body.environment).length > 0))
    refuse("reusable", "only a job without network and environment may be run again for others to check");
  return found;
}
