// A job as the job.yaml that submits it again.
import type { BatchJobView } from "../../protocol/batch.ts";
import { DEFAULT_TEXT } from "./job-fields.ts";

/** Only what differs from the defaults. Values of variables are sealed: their names are there, to be filled in. */
export function submitAgain(job: BatchJobView): Readonly<Record<string, unknown>> {
  const unless = (name: string, value: unknown, usual: unknown) => (value === usual ? {} : { [name]: value });
  const names = Object.keys(job.environment);
  return {
    kind: job.kind,
    name: job.name,
    ...unless("description", job.description, ""),
    docker_image: job.docker_image,
    ...(job.command.length > 0 ? { command: job.command } : {}),
    ...(names.length > 0 ? { environment: Object.fromEntries(names.map((name) => [name, ""])) } : {}),
    ...unless("input_data", job.input_data, ""),
    ...unless("required_cpu", job.required_cpu, 1),
    ...unless("required_memory", job.required_memory, 1),
    ...unless("gpu_count", job.gpu_count, 0),
    ...unless("gpu_type", job.gpu_model, null),
    ...unless("redundancy", job.redundancy, Number(DEFAULT_TEXT.redundancy)),
    ...unless("consensus", job.consensus, Number(DEFAULT_TEXT.consensus)),
    ...unless("assurance", job.assurance, DEFAULT_TEXT.assurance),
    ...unless("dispatch", job.dispatch, DEFAULT_TEXT.dispatch),
    ...(job.comparator.kind === "exact" ? {} : { comparator: job.comparator }),
    ...(job.files.length > 0 ? { files: job.files } : {}),
    ...unless("network", job.network, false),
    ...unless("timeout_seconds", job.timeout_seconds, Number(DEFAULT_TEXT.timeout_seconds)),
    ...unless("queue_timeout", job.queue_timeout, Number(DEFAULT_TEXT.queue_timeout)),
    ...unless("reusable", job.reusable, false),
  };
}
