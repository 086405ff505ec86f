// The fields of a job by the flags that they were typed as: whoever wrote --cpu is not told of required_cpu.
import { ProblemError } from "../protocol/client.ts";
import type { JobInput } from "./job-file.ts";

type Fields<K extends JobInput["kind"]> = Exclude<keyof Extract<JobInput, { kind: K }>, "kind">;

const BATCH = {
  name: "--name",
  description: "--description",
  docker_image: "--image",
  command: "the command",
  environment: "--env",
  input_data: "--input",
  required_cpu: "--cpu",
  required_memory: "--memory",
  required_gpu: "--gpu",
  gpu_type: "--gpu",
  gpu_count: "--gpus",
  redundancy: "--redundancy",
  consensus: "--consensus",
  assurance: "--assurance",
  dispatch: "--dispatch",
  comparator: "--comparator",
  files: "--file",
  network: "--network",
  timeout_seconds: "--timeout",
  queue_timeout: "--queue-timeout",
  max_price: "--max-price",
  reusable: "--reusable",
} as const satisfies Record<Fields<"batch">, string>;

const RENTAL = {
  name: "--name",
  provider_id: "--provider",
  gpu_type: "--gpu",
  gpu_count: "--gpus",
  image: "--image",
  template: "--template",
  cpu_cores: "--cpu",
  memory_gb: "--memory",
  storage_gb: "--storage",
  duration_hours: "--hours",
  max_price: "--max-price",
  http_port: "--http-port",
  ssh_public_key: "--ssh-key",
  env: "--env",
} as const satisfies Record<Fields<"rental">, string>;

const FLAGS = {
  batch: new Map<string, string>(Object.entries(BATCH)),
  rental: new Map<string, string>(Object.entries(RENTAL)),
};

/** @param field a dotted path, such as `environment.A`; one that no flag makes stays as it is */
export function typedName(body: JobInput, field: string): string {
  const [head = "", ...rest] = field.split(".");
  const flag = FLAGS[body.kind].get(head);
  if (flag === undefined) return field;
  if (rest.length === 0) return flag;
  if (head === "command") return `${flag}, part ${Number(rest[0]) + 1}`;
  const file = head === "files" && body.kind === "batch" ? body.files?.[Number(rest[0])] : undefined;
  return `${flag} ${file ?? rest.join(".")}`;
}

/** What a broker says of a field is told of its flag. */
export async function toldAsTyped<T>(body: JobInput, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof ProblemError) || !error.problem.fields) throw error;
    const fields = error.problem.fields.map(({ field, message }) => ({ field: typedName(body, field), message }));
    throw new ProblemError({ ...error.problem, fields }, error.retryAfterSeconds);
  }
}
