// From the wire's body to a wish: defaults settled, and what does not go together refused by the names of its fields.
import { AppError } from "../../../domain/errors.ts";
import type { BatchWish } from "../../../domain/job/batch.ts";
import type { BatchBody } from "../../../protocol/batch.ts";
import { gpusOf, unfitFields } from "../../../protocol/batch-fit.ts";

/** @throws AppError `bad-request` that names each field which does not go with the others */
export function toBatchWish(body: BatchBody): BatchWish {
  const fields = unfitFields(body);
  if (fields.length > 0) {
    const names = fields.map(({ field }) => field).join(", ");
    throw new AppError("bad-request", `Not valid together: ${names}.`, { fields });
  }
  return {
    name: body.name,
    description: body.description,
    image: body.docker_image,
    command: body.command,
    env: body.environment,
    inputData: body.input_data,
    cpuCores: body.required_cpu,
    memoryGb: body.required_memory,
    gpuCount: gpusOf(body),
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
}
