// From flags to the body of a job. Pure: files and standard input were read before.
import { InvalidArgumentError } from "commander";
import type { z } from "zod";
import type { BatchBody } from "../protocol/batch.ts";
import type { RentalBody } from "../protocol/operations/job.ts";
import { nameOf } from "../protocol/read.ts";
import { CliError } from "./errors.ts";
import { typedName } from "./flag-names.ts";
import { checkJob, type JobInput } from "./job-file.ts";

type Batch = z.input<typeof BatchBody>;
type Rental = z.input<typeof RentalBody>;

export interface SubmitFlags {
  readonly name: string;
  readonly image: string;
  readonly cmd?: readonly string[];
  readonly description?: string;
  readonly cpu?: number;
  readonly memory?: number;
  /** true: any model */
  readonly gpu?: string | true;
  readonly gpus?: number;
  readonly file?: readonly string[];
  readonly redundancy?: number;
  readonly consensus?: number;
  readonly assurance?: Batch["assurance"];
  readonly dispatch?: Batch["dispatch"];
  readonly comparator?: Batch["comparator"];
  readonly network?: boolean;
  readonly timeout?: number;
  readonly queueTimeout?: number;
  readonly maxPrice?: string;
  readonly reusable?: boolean;
}

export interface Inputs {
  readonly env: Readonly<Record<string, string>>;
  readonly input?: string;
  /** what stood after -- */
  readonly command: readonly string[];
}

/** What was not said is not sent: the broker's own defaults hold. @throws CliError for what could never be taken */
export function batchBody(flags: SubmitFlags, { env, input, command }: Inputs): JobInput {
  if (flags.cmd && command.length > 0)
    throw new CliError("The command is given twice.", { remedy: "Use either --cmd or what follows --." });
  const { gpu, gpus } = flags;
  return checked({
    kind: "batch",
    name: flags.name,
    docker_image: flags.image,
    command: [...(flags.cmd ?? command)],
    ...given("description", flags.description),
    ...(Object.keys(env).length > 0 ? { environment: env } : {}),
    ...given("input_data", input),
    ...given("required_cpu", flags.cpu),
    ...given("required_memory", flags.memory),
    ...(gpu === undefined && gpus === undefined ? {} : { required_gpu: gpus !== 0 }),
    ...given("gpu_type", typeof gpu === "string" ? gpu : undefined),
    ...given("gpu_count", gpus),
    ...given("files", flags.file && [...flags.file]),
    ...given("redundancy", flags.redundancy),
    ...given("consensus", flags.consensus),
    ...given("assurance", flags.assurance),
    ...given("dispatch", flags.dispatch),
    ...given("comparator", flags.comparator),
    ...given("network", flags.network),
    ...given("timeout_seconds", flags.timeout),
    ...given("queue_timeout", flags.queueTimeout),
    ...given("max_price", flags.maxPrice),
    ...given("reusable", flags.reusable),
  });
}

export interface RentFlags {
  readonly name?: string;
  readonly gpu?: string;
  readonly gpus?: number;
  readonly provider?: string;
  readonly image?: string;
  readonly template?: string;
  readonly cpu?: number;
  readonly memory?: number;
  readonly storage?: number;
  readonly hours: number;
  readonly maxPrice?: string;
  readonly httpPort?: number;
}

export function rentalBody(flags: RentFlags, env: Inputs["env"], sshPublicKey: string | undefined): JobInput {
  const cpuOnly = flags.gpu === undefined && flags.provider === undefined;
  return checked({
    kind: "rental",
    duration_hours: flags.hours,
    gpu_count: flags.gpus ?? (cpuOnly ? 0 : 1),
    ...given("name", flags.name),
    ...given("gpu_type", flags.gpu),
    ...given("provider_id", flags.provider),
    ...given("image", flags.image),
    ...given("template", flags.template),
    ...given("cpu_cores", flags.cpu),
    ...given("memory_gb", flags.memory),
    ...given("storage_gb", flags.storage),
    ...given("max_price", flags.maxPrice),
    ...given("http_port", flags.httpPort),
    ...given("ssh_public_key", sshPublicKey),
    ...(Object.keys(env).length > 0 ? { env } : {}),
  } satisfies Rental);
}

function given<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  const pair: { [P in K]?: V } = {};
  if (value !== undefined) pair[key] = value;
  return pair;
}

function checked(body: JobInput): JobInput {
  const result = checkJob(body);
  if ("job" in result) return result.job;
  throw new CliError("The job is not one that a broker would take.", {
    details: result.problems.map(({ path, message }) => `${typedName(body, nameOf(path))}: ${message}`),
  });
}

/** exact, json, files, numeric or numeric:RTOL[,ATOL] */
export function comparator(text: string): NonNullable<Batch["comparator"]> {
  if (text === "exact" || text === "json" || text === "files") return { kind: text };
  const match = /^numeric(?::([\d.e+-]+)(?:,([\d.e+-]+))?)?$/i.exec(text);
  const [relative, absolute] = [match?.[1], match?.[2]].map((one) => (one === undefined ? undefined : Number(one)));
  if (!match || Number.isNaN(relative) || Number.isNaN(absolute))
    throw new InvalidArgumentError("It is exact, json, files, numeric or numeric:RTOL,ATOL such as numeric:1e-6,1e-9.");
  return { kind: "numeric", ...given("rtol", relative), ...given("atol", absolute) };
}

/** K=V, or K for the value that it has here. */
export function variables(
  files: readonly string[],
  flags: readonly string[],
  own: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const lines = files
    .flatMap((text) => text.split(/\r?\n/))
    .filter((line) => line.trim() !== "" && !/^\s*#/.test(line));
  const env: Record<string, string> = {};
  for (const line of [...lines, ...flags]) {
    const equals = line.indexOf("=");
    const name = equals < 0 ? line.trim() : line.slice(0, equals).trim();
    const value = equals < 0 ? own[name] : line.slice(equals + 1);
    if (value === undefined)
      throw new CliError(`The variable ${name} is not set here.`, { remedy: `Give it as --env ${name}=VALUE` });
    env[name] = value;
  }
  return env;
}
