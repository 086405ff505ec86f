// What a third-party worker should run. It asks every ten seconds and reads the answer whole, so an answer that waits
// for work saves it most of them.
import type { Principal } from "../../../domain/account/principal.ts";
import type { PendingJobsView, WorkerJobView } from "../../../protocol/node-views.ts";
import type { Deps } from "../../deps.ts";
import { desiredTopic } from "../../repos/desired.ts";
import { type Pending, pendingOn, startOn } from "../../repos/external-workers.ts";
import { hangBell } from "../bell.ts";
import { hear, ownWorker } from "./own-worker.ts";

/** Well under the 30 seconds after which the seed's worker gives up a call. */
export const MOST_WAIT_MS = 8_000;

type PendingDeps = Pick<Deps, "db" | "clock" | "queue" | "secrets" | "wakes">;

/**
 * All that lives there, also what was handed out before: whoever asks again lost it. The first answer with it starts it.
 * @throws AppError `not-found`, `forbidden` where it was removed
 */
export async function pendingJobs(
  deps: PendingDeps,
  principal: Principal,
  nodeId: string,
  {
    address,
    waitMs,
    signal,
  }: { readonly address: string | null; readonly waitMs: number; readonly signal: AbortSignal },
): Promise<PendingJobsView> {
  const { db, clock, wakes, secrets } = deps;
  const worker = await ownWorker(db, principal, nodeId);
  const { id, admission } = worker.provider;
  const bell = hangBell(wakes, desiredTopic(id)); // before anything is read
  try {
    await hear(deps, worker, address);
    const untilMs = performance.now() + waitMs;
    let pending: Pending[] = admission === "approved" ? await pendingOn(db, id) : [];
    while (pending.length === 0 && (await bell.heard(untilMs - performance.now(), signal)))
      pending = await pendingOn(db, id);
    const begun = pending.filter(({ execution }) => execution.status === "scheduled");
    if (begun.length > 0) await startOn(db, id, clock.now());
    return {
      pending_jobs: pending.map(({ execution, job }) => ({
        execution_id: execution.id,
        job: toWorkerJob(job, secrets),
      })),
      count: pending.length,
    };
  } finally {
    bell.stop();
  }
}

function toWorkerJob(job: Pending["job"], secrets: Deps["secrets"]): WorkerJobView {
  const environment: Record<string, string> = JSON.parse(secrets.open(job.sealedEnv)); // sealed by us, from this type
  return {
    id: job.id,
    name: job.name,
    description: job.description,
    docker_image: job.image,
    command: [...job.command],
    environment,
    input_data: job.inputData,
    required_cpu: job.cpuCores,
    required_memory: job.memoryGb,
    required_gpu: job.gpuCount > 0,
    redundancy: job.redundancy,
    consensus: job.consensus,
    status: job.status,
    submitted_by: "user", // whose it is stays with the broker
    submitted_at: job.createdAt.toISOString(),
    credits_required: 1,
  };
}
