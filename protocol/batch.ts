// Batch jobs on the wire: what is submitted, what is shown of a job and its panel, and what agents deliver.
import { z } from "zod";
import { BATCH_ENDS } from "../domain/execution/batch-state.ts";
import { EXECUTION_STATUSES } from "../domain/execution/state.ts";
import {
  ASSURANCES,
  BATCH_DEFAULTS,
  BATCH_STATUSES,
  DISPATCHES,
  MAX_QUEUE_TIMEOUT_SECONDS,
  MAX_TIMEOUT_SECONDS,
} from "../domain/job/batch.ts";
import { Env, Image, Micros, Money, Time, text } from "./fields.ts";
import { ReasonView } from "./job-views.ts";

const count = z.int().min(0);
const NO_NUL = /^[^\0\p{Cs}]*$/u;

/** As machines name what they deliver: `./a//b/` is `a/b`, and `.` the working directory itself. */
function plainPath(path: string): string {
  if (path === "" || path.startsWith("/")) return path;
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  return parts.join("/") || ".";
}

/** Relative, inside the working directory, without steps up. */
const OutputPath = z
  .string()
  .overwrite(plainPath)
  .min(1)
  .max(512)
  .regex(/^(?!\/)(?!.*(^|\/)\.\.(\/|$))[^\0\p{Cc}\p{Cs}]+$/u, "a path inside the working directory");

const Comparator = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("exact") }),
  z.strictObject({ kind: z.literal("json") }),
  z.strictObject({
    kind: z.literal("numeric"),
    rtol: z.number().min(0).max(1).default(1e-6),
    atol: z.number().min(0).max(1e12).default(0),
  }),
  z.strictObject({ kind: z.literal("files") }),
]);

const Argument = z.string().max(32_768).regex(NO_NUL, "must not contain NUL");
const Command = z.array(Argument).max(1024);

/** A job that runs to its end on several owners' machines. Memory in GB; `required_gpu` asks for one GPU of any model. */
export const BatchBody = z
  .strictObject({
    kind: z.literal("batch"),
    name: text(255),
    description: z.string().max(4096).regex(NO_NUL, "must not contain NUL").default(""),
    docker_image: Image,
    command: Command.default([]),
    environment: Env.default({}),
    input_data: z
      .string()
      .max(256 * 1024)
      .regex(NO_NUL, "must not contain NUL")
      .default(""),
    required_cpu: z.int().min(1).max(512).default(1),
    required_memory: z.int().min(1).max(4096).default(1),
    required_gpu: z.boolean().default(false),
    gpu_count: z.int().min(0).max(64).optional(),
    gpu_type: text(80).optional(),
    redundancy: z.int().min(1).max(7).default(BATCH_DEFAULTS.redundancy),
    consensus: z.int().min(1).max(5).default(BATCH_DEFAULTS.consensus),
    assurance: z.enum(ASSURANCES).default(BATCH_DEFAULTS.assurance),
    dispatch: z.enum(DISPATCHES).default(BATCH_DEFAULTS.dispatch),
    comparator: Comparator.default({ kind: "exact" }),
    files: z.array(OutputPath).max(64).default([]),
    network: z.boolean().default(false),
    timeout_seconds: z.int().min(1).max(MAX_TIMEOUT_SECONDS).default(BATCH_DEFAULTS.timeoutSeconds),
    /** longest wait for machines, in seconds; shorter where all that fit it have refused it */
    queue_timeout: z.int().min(1).max(MAX_QUEUE_TIMEOUT_SECONDS).default(BATCH_DEFAULTS.queueTimeoutSeconds),
    /** dearest price of one execution an hour */
    max_price: Micros.optional(),
    /** the broker may run it again later to check machines; only without network and environment */
    reusable: z.boolean().default(false),
  })
  .meta({ description: "A command that runs to its end on machines of several owners, whose results are compared." });
export type BatchBody = z.infer<typeof BatchBody>;

/** The seed's submit: no kind, and the only body whose unknown keys are ignored. A number below 1 counts as 1. */
export const SeedSubmitBody = z
  .object({
    /** absent: that is how it is known */
    kind: z.undefined().optional().meta({ not: {} }),
    name: text(255),
    description: z.string().max(4096).regex(NO_NUL, "must not contain NUL").nullish(),
    docker_image: Image,
    command: Command,
    environment: Env.nullish(),
    input_data: z
      .string()
      .max(256 * 1024)
      .regex(NO_NUL, "must not contain NUL")
      .nullish(),
    required_cpu: z.int().max(512).nullish(),
    required_memory: z.int().max(4096).nullish(),
    required_gpu: z.boolean().nullish(),
  })
  .meta({ description: "A batch job as DistributeAI submits it: without a kind. Keys that are not known are ignored." })
  .transform(
    (body): BatchBody =>
      BatchBody.parse({
        kind: "batch",
        name: body.name,
        description: body.description ?? "",
        docker_image: body.docker_image,
        command: body.command,
        environment: body.environment ?? {},
        input_data: body.input_data ?? "",
        required_cpu: Math.max(1, body.required_cpu ?? 1),
        required_memory: Math.max(1, body.required_memory ?? 1),
        required_gpu: body.required_gpu ?? false,
      }),
  );

export const VerdictView = z.strictObject({
  kind: z.enum(["accepted", "unverified", "job-error", "nondeterministic", "unresolved", "failed", "cancelled"]),
  /** what was decided and why, in a sentence */
  sentence: z.string(),
  digest: z.string().nullable(),
  /** P(the accepted result is right), 0…1 */
  credibility: z.number().nullable(),
  /** distinct owners behind it */
  votes: count,
  decided_at: Time,
  /** when the result was taken back, because a provider that it rests on was caught */
  recalled_at: Time.nullable(),
  /** the job that verifies it again */
  recheck: z.string().nullable(),
});
export type VerdictView = z.infer<typeof VerdictView>;

/** The seed's fields first, so that its clients read it; then what it lacks. */
export const BatchJobView = z.strictObject({
  id: z.string(),
  job_id: z.string(),
  kind: z.literal("batch"),
  name: z.string(),
  description: z.string(),
  docker_image: z.string(),
  command: z.array(z.string()),
  /** names only, values are kept sealed; of the seed's clients the values are not read */
  environment: z.record(z.string(), z.string()),
  /** in lists its first 1024 characters at most */
  input_data: z.string(),
  required_cpu: count,
  required_memory: count,
  required_gpu: z.boolean(),
  redundancy: count,
  consensus: count,
  status: z.enum(BATCH_STATUSES),
  submitted_by: z.string(),
  submitted_at: Time,
  started_at: Time.optional(),
  completed_at: Time.optional(),
  /** stdout of the accepted result; where it is verified with several, of one of those that agree */
  result: z.string().optional(),
  error_message: z.string().optional(),
  /** the seed's, one for every job: what it costs is told in USD */
  credits_required: count,

  assurance: z.enum(ASSURANCES),
  dispatch: z.enum(DISPATCHES),
  comparator: Comparator,
  files: z.array(z.string()),
  network: z.boolean(),
  reusable: z.boolean(),
  gpu_count: count,
  gpu_model: z.string().nullable(),
  timeout_seconds: count,
  queue_timeout: count,
  reason: ReasonView.nullable(),
  verdict: VerdictView.nullable(),
  /** why it waits, in a sentence; null while it does not */
  waiting: z.string().nullable(),
  /** jobs of everybody that are served before it, counted up to 1000; null while it does not wait */
  queue_position: count.nullable(),
  executions_count: count,
  /** most that one execution may cost an hour */
  price_per_hour: Money,
  /** less what was given back */
  cost_so_far: Money,
  /** given back because the result was taken back */
  refunded: Money,
  held: Money,
  created_at: Time,
});
export type BatchJobView = z.infer<typeof BatchJobView>;

/** One execution of a panel. What it delivered, and its digest, are hidden until the verdict. */
export const BatchExecutionView = z.strictObject({
  id: z.string(),
  job_id: z.string(),
  /** what its machine is called among `/nodes`: a third-party worker's own id, else the provider's */
  node_id: z.string(),
  status: z.enum(EXECUTION_STATUSES),
  started_at: Time.optional(),
  completed_at: Time.optional(),
  result: z.string().optional(),
  /** of a third-party worker the SHA-256 of `result`, as it reported it; else that of the manifest. Only beside a result */
  result_hash: z.string().optional(),
  error_message: z.string().optional(),
  logs: z.string().optional(),

  number: count,
  provider_id: z.string(),
  provider_name: z.string(),
  region: z.string(),
  reputation: count,
  /** whether it had at least 20 verified results when it was asked */
  proven: z.boolean(),
  created_at: Time,
  run_ms: count.nullable(),
  exit_code: z.int().nullable(),
  end: z.enum(BATCH_ENDS).nullable(),
  /** for people: why it ended as it did; null where there is nothing to say */
  detail: z.string().nullable(),
  digest: z.string().nullable(),
  vote: z.enum(["agreed", "disagreed"]).nullable(),
  weight: z.number().nullable(),
  files: z.array(z.strictObject({ path: z.string(), bytes: count })),
  price_per_hour: Money,
  cost: Money,
  /** `verification`: the broker paid for it; `refunded`: the customer did, and got it back */
  paid_by: z.enum(["customer", "verification", "refunded"]).nullable(),
  /** whether results are shown already */
  revealed: z.boolean(),
});
export type BatchExecutionView = z.infer<typeof BatchExecutionView>;

export const BatchExecutionsView = z.strictObject({
  job_id: z.string(),
  executions: z.array(BatchExecutionView),
  count,
  next_cursor: z.null(),
});
export type BatchExecutionsView = z.infer<typeof BatchExecutionsView>;

/** The accepted result's output files, with what is in them. */
export const BatchFilesView = z.strictObject({
  job_id: z.string(),
  execution_id: z.string(),
  files: z.array(z.strictObject({ path: z.string(), bytes: count, content: z.base64() })),
  count,
  next_cursor: z.null(),
});
export type BatchFilesView = z.infer<typeof BatchFilesView>;

/** What a batch job would cost before it is submitted. */
export const BatchEstimateView = z.strictObject({
  kind: z.literal("batch"),
  /** of one execution, an hour: the dearest that would be taken */
  price_per_hour: Money,
  /** set aside at the start: rate × timeout × redundancy; what is not used goes back */
  hold: Money,
  /** distinct owners whose machines fit, and of them with one free now */
  owners: count,
  owners_free: count,
  /** how many it needs to decide */
  quorum: count,
  /** what people should know before they submit: few owners, no machine, a price that fits nobody */
  notices: z.array(z.string()),
});
export type BatchEstimateView = z.infer<typeof BatchEstimateView>;
