// From the wire's body to a wish: defaults settled, and what does not go together refused by the names of its fields.
import { AppError, type FieldProblem } from "../../../domain/errors.ts";
import { type BatchWish, quorumOf } from "../../../domain/job/batch.ts";
import type { BatchBody } from "../../../protocol/batch.ts";

/** @throws AppError `bad-request` that names each field which does not go with the others */
export function toBatchWish(body: BatchBody): BatchWish {
  const wish: BatchWish = {
    name: body.name,
    description: body.description,
    image: body.docker_image,
    command: body.command,
    env: body.environment,
    inputData: body.input_data,
    cpuCores: body.required_cpu,
    memoryGb: body.required_memory,
    gpuCount: body.gpu_count ?? (body.required_gpu || body.gpu_type !== undefined ? 1 : 0),
    gpuModel: body.gpu_type ?? null,
    redundancy: body.redundancy,
    consensus: body.consensus,
    assurance: body.assurance,
    dispatch: body.dispatch,
    comparator: body.comparator,
    files: body.files,
    network: body.network,
    timeoutSeconds: body.timeout_seconds,
    queueTimeoutSeconds: body.queue_timeout,
    maxRate: body.max_price ?? null,
    reusable: body.reusable,
  };
  const fields = faults(body, wish);
  if (fields.length === 0) return wish;
  const names = fields.map(({ field }) => field).join(", ");
  throw new AppError("bad-request", `Not valid together: ${names}.`, { fields });
}

/** Whoever asks for more voters than are paid for would have the broker pay for them: quorum is at most redundancy. */
function faults(body: BatchBody, wish: BatchWish): FieldProblem[] {
  const { redundancy, consensus } = wish;
  const found: FieldProblem[] = [];
  const refuse = (field: string, message: string) => found.push({ field, message });
  if (consensus > redundancy)
    refuse("consensus", `is at most redundancy, which is ${redundancy}; 1 takes a single result, unverified`);
  else if (quorumOf(wish) > redundancy)
    refuse("redundancy", `is at least ${quorumOf(wish)} with assurance high: so many owners have to agree`);
  if (wish.comparator.kind === "files" && wish.files.length === 0)
    refuse("files", "must name the output files that the comparator files compares");
  if (new Set(wish.files).size < wish.files.length) refuse("files", "must name each file once");
  if (body.required_gpu && wish.gpuCount === 0) refuse("gpu_count", "is at least 1 where required_gpu is true");
  if (wish.gpuModel !== null && wish.gpuCount === 0) refuse("gpu_type", "a job without GPUs has no gpu_type");
  if (wish.reusable && wish.network) refuse("reusable", "only a job without network gives the same result again");
  if (wish.reusable && Object.keys(wish.env).length > 0)
    refuse("reusable", "only a job without environment may be run again for others to check");
  return found;
}
