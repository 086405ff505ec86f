// Providers and their totals as the seed's clients read them: its fields first and exactly, then what it lacks.
import { z } from "zod";
import { NODE_STATUSES } from "../domain/provider/node-status.ts";
import { PROVIDER_STATUSES, RUNTIMES } from "../domain/provider/state.ts";
import { BatchJobView } from "./batch.ts";
import { AddressView, Time } from "./fields.ts";

const count = z.int().min(0);

/** What decisions about a provider are made from, decayed to now. */
export const EvidenceView = z.strictObject({
  /** verified results, and such that the verdict was against */
  verified: z.number(),
  bad: z.number(),
  /** verified results in a row */
  streak: count,
  /** how often its results are taken to be wrong, 0.01…1 */
  error_rate: z.number(),
  /** whether it has at least 20 verified results */
  proven: z.boolean(),
  quarantined: z.boolean(),
  quarantine_reason: z.string().nullable(),
  /** why it gets the broker's own checks and no customer's batch jobs; null where that is not so, or it is in quarantine itself */
  held_back: z.string().nullable(),
});
export type EvidenceView = z.infer<typeof EvidenceView>;

export const NetworkNodeView = z.strictObject({
  /** what it registered itself as; the provider's id where it did not */
  id: z.string(),
  name: z.string(),
  region: z.string(),
  cpu_cores: count,
  memory_gb: count,
  gpu_enabled: z.boolean(),
  gpu_model: z.string().optional(),
  /** `online`: takes work, and has none; `busy`: has some; `offline`: everything else */
  status: z.enum(NODE_STATUSES),
  reputation_score: z.number(),
  total_jobs_run: count,
  successful_jobs_run: count,
  failed_jobs: count,
  /** one a verified result, as the seed counts; what was earned is in USD, and its owner's to see */
  credits_earned: count,
  last_heartbeat: Time,
  registered_at: Time,

  provider_id: z.string(),
  provider_name: z.string(),
  provider_status: z.enum(PROVIDER_STATUSES),
  owner: AddressView,
  /** such as 0x1234…cdef */
  owner_short: z.string(),
  runtime: z.enum(RUNTIMES),
  gpus: z.array(z.strictObject({ model: z.string(), vram_mb: count, total: count, available: count })),
  /** verified, of what was verified or went wrong by its own fault, 0…1; null before the first */
  success_rate: z.number().nullable(),
  evidence: EvidenceView,
});
export type NetworkNodeView = z.infer<typeof NetworkNodeView>;

export const NetworkNodesView = z.strictObject({
  nodes: z.array(NetworkNodeView),
  count,
  next_cursor: z.string().nullable(),
});
export type NetworkNodesView = z.infer<typeof NetworkNodesView>;

/** A job as a worker of the seed reads it. Nothing of whose it is. */
export const WorkerJobView = BatchJobView.pick({
  id: true,
  name: true,
  description: true,
  docker_image: true,
  command: true,
  environment: true,
  input_data: true,
  required_cpu: true,
  required_memory: true,
  required_gpu: true,
  redundancy: true,
  consensus: true,
  status: true,
  submitted_by: true,
  submitted_at: true,
  credits_required: true,
});
export type WorkerJobView = z.infer<typeof WorkerJobView>;

export const PendingJobsView = z.strictObject({
  pending_jobs: z.array(z.strictObject({ execution_id: z.string(), job: WorkerJobView })),
  count,
});
export type PendingJobsView = z.infer<typeof PendingJobsView>;

export const StatsView = z.strictObject({
  nodes: z.strictObject({ total: count, online: count, busy: count }),
  /** of nodes that are online or busy */
  resources: z.strictObject({ total_cpu_cores: count, total_memory_gb: count }),
  /** of both kinds; `running` holds what was given to a machine and has not begun; what waits is in the total alone */
  jobs: z.strictObject({ total: count, completed: count, running: count, failed: count }),
  berth: z.strictObject({
    /** results that distinct owners agreed on, since the first day */
    verified_executions: count,
    /** share of the votes of the newest thousand verdicts that agreed with them; null before the first */
    agreement_rate: z.number().nullable(),
    /** accounts with a provider that is online or busy */
    owners_online: count,
    /** given to machines */
    executions_last_hour: count,
    executions_last_minute: count,
    /** from the submission to the verdict, of at most a thousand of the last hour; null where there was none */
    verdict_seconds: z.strictObject({ p50: z.number().nullable(), p95: z.number().nullable() }),
    /** batch jobs that wait for machines */
    queue_length: count,
  }),
});
export type StatsView = z.infer<typeof StatsView>;
