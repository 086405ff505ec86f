// Jobs: rent, estimate, look, extend, stop; and the money they cost.
import { z } from "zod";
import { BATCH_STATUSES } from "../../domain/job/batch.ts";
import { RENTAL_STATUSES } from "../../domain/job/status.ts";
import { DEFAULT_CORES_PER_GPU, DEFAULT_MEMORY_GB_PER_GPU, MAX_RENTAL_HOURS } from "../../domain/job/wish.ts";
import { BillingView, EntriesView } from "../account-views.ts";
import {
  BatchBody,
  BatchEstimateView,
  BatchExecutionsView,
  BatchFilesView,
  BatchJobView,
  SeedSubmitBody,
} from "../batch.ts";
import { Env, Image, idField, Micros, Page, text } from "../fields.ts";
import { EstimateView, EventView, JobView, LogsView, PortLinkView, TemplateView } from "../job-views.ts";
import { operation } from "../operation.ts";

/**
 * A wish for a rental. Cores, memory and storage default to 4, 16 GB and 50 GB for each GPU, storage to more where the
 * template needs more. Without image and template it is plain Ubuntu.
 */
export const RentalBody = z
  .strictObject({
    kind: z.literal("rental"),
    name: text(80).optional(),
    provider_id: idField("prov").optional(),
    gpu_type: text(80).optional(),
    gpu_count: z.int().min(0).max(64).default(1),
    image: Image.optional(),
    /** slug of one of GET /templates */
    template: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "the slug of a template")
      .optional(),
    cpu_cores: z.int().min(1).max(512).optional(),
    memory_gb: z.int().min(1).max(4096).optional(),
    storage_gb: z.int().min(1).max(65_536).optional(),
    duration_hours: z.int().min(1).max(MAX_RENTAL_HOURS),
    max_price: Micros.optional(),
    /** a port of it that serves HTTP, for its owner at a host of its own; the template's where it has one */
    http_port: z.int().min(1).max(65_535).optional(),
    ssh_public_key: z.string().min(1).max(16_384).optional(),
    env: Env.default({}),
  })
  .meta({ description: "A machine for some hours, with a shell." })
  .refine((body) => body.gpu_count > 0 || !body.gpu_type, {
    path: ["gpu_type"],
    message: "a CPU-only rental has no GPU model",
  })
  .refine((body) => body.gpu_count === 0 || body.gpu_type || body.provider_id, {
    path: ["gpu_type"],
    message: "name a GPU model or a provider",
  })
  .refine((body) => body.image === undefined || body.template === undefined, {
    path: ["template"],
    message: "brings its own image: name one or the other",
  })
  .transform((body) => {
    const per = Math.max(1, body.gpu_count);
    return {
      ...body,
      cpu_cores: body.cpu_cores ?? per * DEFAULT_CORES_PER_GPU,
      memory_gb: body.memory_gb ?? per * DEFAULT_MEMORY_GB_PER_GPU,
    };
  });
export type RentalBody = z.infer<typeof RentalBody>;

const KINDS = "is rental or batch";
const OneOfKinds = z.discriminatedUnion("kind", [RentalBody, BatchBody, SeedSubmitBody], {
  error: (issue) => (issue.code === "invalid_union" ? KINDS : undefined),
});

/**
 * A job of either kind: `kind` says whose fields count, and a wrong one is named among those. What has no kind but a
 * `docker_image` is the seed's submit; without either it is the kind that is missing.
 */
export const JobBody = z.preprocess((body: z.input<typeof OneOfKinds>, context) => {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return body;
  if (body.kind !== undefined || "docker_image" in body) return body;
  context.addIssue({ code: "custom", path: ["kind"], message: KINDS });
  return z.NEVER;
}, OneOfKinds);
export type JobBody = z.infer<typeof JobBody>;

export const AnyJobView = z.discriminatedUnion("kind", [JobView, BatchJobView]);
export type AnyJobView = z.infer<typeof AnyJobView>;
/** For who rented it, and knows. @throws Error where it is no rental */
export function rentalOf(job: AnyJobView): JobView {
  if (job.kind !== "rental") throw new Error(`${job.id} is no rental`);
  return job;
}
export const AnyJobsView = z.strictObject({
  jobs: z.array(AnyJobView),
  count: z.int(),
  next_cursor: z.string().nullable(),
});
export type AnyJobsView = z.infer<typeof AnyJobsView>;
export const AnyEstimateView = z.union([EstimateView, BatchEstimateView]);
export type AnyEstimateView = z.infer<typeof AnyEstimateView>;

/** As query text: how many lines of the past. */
const LogTail = z
  .string()
  .regex(/^\d{1,5}$/, "a whole number of lines, at most 10000")
  .transform(Number)
  .pipe(z.number().max(10_000));

const jobParams = z.strictObject({ id: idField("job") });
const anyIdParams = z.strictObject({ id: z.string().max(64) });

export const jobOperations = {
  listTemplates: operation({
    method: "GET",
    path: "/templates",
    summary: "What workspaces can be rented with: image, variables, and what they need",
    access: "public",
    response: z.strictObject({ templates: z.array(TemplateView), count: z.int(), next_cursor: z.null() }),
  }),
  createJob: operation({
    method: "POST",
    path: "/jobs",
    summary: "Rent a machine, or submit a batch job whose result is verified: one atomic step",
    access: "jobs",
    status: 201,
    idempotent: true,
    body: JobBody,
    response: AnyJobView,
  }),
  estimateJob: operation({
    method: "POST",
    path: "/jobs/estimate",
    summary: "What the same body would cost, and what would be chosen",
    access: "public",
    body: JobBody,
    response: AnyEstimateView,
  }),
  listJobs: operation({
    method: "GET",
    path: "/jobs",
    summary: "Your jobs of both kinds, newest first",
    access: "read",
    query: z.strictObject({
      kind: z.enum(["rental", "batch"]).optional(),
      status: z.enum([...new Set([...RENTAL_STATUSES, ...BATCH_STATUSES])]).optional(),
      ...Page,
    }),
    response: AnyJobsView,
  }),
  getJob: operation({
    method: "GET",
    path: "/jobs/:id",
    summary: "One of your jobs; what can be no id is not found either, as the seed's clients expect",
    access: "read",
    params: anyIdParams,
    response: AnyJobView,
  }),
  listJobExecutions: operation({
    method: "GET",
    path: "/jobs/:id/executions",
    summary:
      "The panel of a batch job; results and digests are shown once it is decided. Of a job that is not yours: none",
    access: "read",
    params: anyIdParams,
    response: BatchExecutionsView,
  }),
  listJobFiles: operation({
    method: "GET",
    path: "/jobs/:id/files",
    summary: "Output files of a batch job's accepted result, in base64; at most 1 MiB together",
    access: "read",
    params: jobParams,
    response: BatchFilesView,
  }),
  stopJob: operation({
    method: "DELETE",
    path: "/jobs/:id",
    summary: "Stop a rental, whose storage ends with it, or cancel a batch job. Twice is once",
    access: "jobs",
    params: jobParams,
    response: AnyJobView,
  }),
  extendJob: operation({
    method: "POST",
    path: "/jobs/:id/extend",
    summary: "Hold more hours at the job's frozen rate",
    access: "jobs",
    idempotent: true,
    params: jobParams,
    body: z.strictObject({ hours: z.int().min(1).max(MAX_RENTAL_HOURS) }),
    response: JobView,
  }),
  getJobLogs: operation({
    method: "GET",
    path: "/jobs/:id/logs",
    summary:
      "What it wrote, oldest first; with follow=1 or Accept: text/event-stream as server-sent events that go on until it ends",
    access: "read",
    params: jobParams,
    query: z.strictObject({ follow: z.enum(["0", "1"]).optional(), tail: LogTail.optional() }),
    response: LogsView,
  }),
  openJobPort: operation({
    method: "POST",
    path: "/jobs/:id/port",
    summary: "A link to the job's HTTP port, good for one visit within a minute; the visit leaves a cookie",
    access: "jobs",
    status: 201,
    secret: true,
    params: jobParams,
    response: PortLinkView,
  }),
  listJobEvents: operation({
    method: "GET",
    path: "/jobs/:id/events",
    summary: "What happened, oldest first; as server-sent events with Accept: text/event-stream and Last-Event-ID",
    access: "read",
    params: jobParams,
    query: z.strictObject({ ...Page }),
    response: z.strictObject({ events: z.array(EventView), count: z.int(), next_cursor: z.string().nullable() }),
  }),
  getBilling: operation({
    method: "GET",
    path: "/billing",
    summary: "Your balance: available, promotion in it, held, spent, earned",
    access: "read",
    response: z.strictObject({ ...BillingView.shape, ...EntriesView.shape }),
    query: z.strictObject({ ...Page }),
  }),
  listEntries: operation({
    method: "GET",
    path: "/billing/entries",
    summary: "Your entries in the ledger, newest first",
    access: "read",
    query: z.strictObject({ job_id: idField("job").optional(), ...Page }),
    response: EntriesView,
  }),
};
