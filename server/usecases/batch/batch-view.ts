// A batch job and its panel as the job's owner sees them: pure views over the rows.

import { BATCH_END_SENTENCES } from "../../../domain/execution/batch-ends.ts";
import type { BatchExecutionStatus } from "../../../domain/execution/batch-state.ts";
import { REASONS } from "../../../domain/job/reasons.ts";
import { formatMicros } from "../../../domain/money/micros.ts";
import { RULES } from "../../../domain/verification/constants.ts";
import { isRefusal } from "../../../domain/verification/failure.ts";
import type { BatchExecutionView, BatchJobView, VerdictView } from "../../../protocol/batch.ts";
import type { BatchRow, PanelRow } from "../../repos/batch-jobs.ts";
import { toReasonView } from "../job/job-view.ts";
import { sha256 } from "./comparing.ts";
import { type Kept, keptSentence } from "./kept-waiting.ts";

type Job = BatchRow["job"];

/**
 * @param before jobs that are served before it; null while it wants no machine
 * @param kept what keeps it from machines that are there
 */
export function toBatchView(
  { job, result, executions, refunded }: BatchRow,
  before: number | null,
  kept: Kept | null,
  now: Date,
): BatchJobView {
  const code = job.reason ?? kept?.code ?? null;
  const reason = code && toReasonView(code, { memoryGb: job.memoryGb, storageGb: job.diskGb });
  const verdict = verdictView(job);
  const failed = job.status === "failed" || job.status === "cancelled";
  return {
    id: job.id,
    job_id: job.id,
    kind: "batch",
    name: job.name,
    description: job.description,
    docker_image: job.image,
    command: [...job.command],
    environment: Object.fromEntries(job.envNames.map((name) => [name, ""])),
    input_data: job.inputData,
    required_cpu: job.cpuCores,
    required_memory: job.memoryGb,
    required_gpu: job.gpuCount > 0,
    redundancy: job.redundancy,
    consensus: job.consensus,
    status: job.status,
    submitted_by: job.account,
    submitted_at: job.createdAt.toISOString(),
    ...(job.startedAt && { started_at: job.startedAt.toISOString() }),
    ...(job.decidedAt && { completed_at: job.decidedAt.toISOString() }),
    ...(job.decidedAt && result !== null && { result }),
    ...(failed && { error_message: errorMessage(job) }),
    credits_required: 1,

    assurance: job.assurance,
    dispatch: job.dispatch,
    comparator: job.comparator,
    files: [...job.files],
    network: job.network,
    reusable: job.reusable,
    gpu_count: job.gpuCount,
    gpu_model: job.gpuModel,
    timeout_seconds: job.timeoutSeconds,
    queue_timeout: job.queueTimeoutSeconds,
    reason,
    verdict,
    waiting: waitingSentence(job, executions, kept, now),
    queue_position: isWaiting(job) ? before : null,
    executions_count: executions,
    price_per_hour: formatMicros(job.rate),
    cost_so_far: formatMicros(job.takenCash + job.takenPromotion),
    refunded: formatMicros(BigInt(refunded)),
    held: formatMicros(job.heldCash + job.heldPromotion),
    created_at: job.createdAt.toISOString(),
  };
}

export function isWaiting(job: Pick<Job, "copiesWanted" | "decidedAt">): boolean {
  return job.decidedAt === null && job.copiesWanted > 0;
}

function verdictView({ verdict, decidedAt }: Job): VerdictView | null {
  if (!verdict || !decidedAt) return null;
  const { recalledAt, ...same } = verdict;
  return {
    kind: same.kind,
    sentence: same.sentence,
    digest: same.digest,
    credibility: same.credibility,
    votes: same.votes,
    decided_at: decidedAt.toISOString(),
    recalled_at: recalledAt,
    recheck: same.recheck,
  };
}

/** Why there is no result, in words; the verdict's own where it has some. */
function errorMessage({ verdict, reason }: Job): string {
  const sentence = verdict?.sentence || (reason ? REASONS[reason].sentence : "It was not completed.");
  return reason ? `${sentence} ${REASONS[reason].remedy}` : sentence;
}

function waitingSentence(job: Job, executions: number, kept: Kept | null, now: Date): string | null {
  if (!isWaiting(job)) return null;
  const since = job.waitingSince ?? job.createdAt;
  const waited = Math.max(0, Math.floor((now.getTime() - since.getTime()) / 1000));
  const left = Math.max(0, job.queueTimeoutSeconds - waited);
  const { copiesWanted: copies } = job;
  const machines = copies === 1 ? "a machine" : `${copies} machines`;
  const whose =
    executions > 0
      ? `of ${copies === 1 ? "one more owner" : `${copies} more owners`}`
      : copies === 1
        ? "that fits"
        : "of distinct owners";
  const held = kept ? `${keptSentence(kept, job)} ` : "";
  const why = job.tied ? "The votes stand equal: the next one must have much verified work behind it. " : "";
  const refused = kept?.code === "machines-refused" && kept.machines === executions;
  const sooner = refused && executions >= RULES.refusalsThatTell ? ", or none that fits is there" : "";
  return `${held}${why}It waits for ${machines} ${whose}, for ${waited} s now. Where none comes within ${left} s more${sooner}, it ends without a result and uncharged.`;
}

/** Before the verdict: that it ended and how, and why it was refused, but nothing that another machine could copy. */
export function toExecutionView({ execution, provider, nodeId, revealed, ...delivered }: PanelRow): BatchExecutionView {
  const { stdout, stderr } = delivered;
  const result = revealed && hasResult(execution.status) ? stdout : null;
  const hash = result !== null && (nodeId === null ? execution.resultHash : sha256(result));
  const ended = execution.endCause && BATCH_END_SENTENCES[execution.endCause];
  const detail = ((revealed || isRefusal(execution.endCause)) && execution.detail) || ended;
  return {
    id: execution.id,
    job_id: execution.jobId,
    node_id: nodeId ?? execution.providerId,
    status: execution.status,
    ...(execution.startedAt && { started_at: execution.startedAt.toISOString() }),
    ...(execution.endedAt && { completed_at: execution.endedAt.toISOString() }),
    ...(result !== null && { result }),
    ...(hash && { result_hash: hash }),
    ...(ended && { error_message: detail || ended }),
    ...(revealed && stderr && { logs: stderr }),

    number: execution.number,
    provider_id: execution.providerId,
    provider_name: provider.name,
    region: provider.region,
    reputation: provider.reputation,
    proven: execution.proven,
    created_at: execution.createdAt.toISOString(),
    run_ms: execution.runMs,
    exit_code: revealed ? execution.exitCode : null,
    end: execution.endCause,
    detail: detail || null,
    digest: revealed ? execution.digest : null,
    vote: revealed ? execution.vote : null,
    weight: revealed ? execution.weight : null,
    files: delivered.files,
    price_per_hour: formatMicros(execution.rate),
    cost: formatMicros(execution.paid),
    paid_by: execution.paidBy,
    revealed,
  };
}

const hasResult = (status: BatchExecutionStatus) => status === "succeeded";
