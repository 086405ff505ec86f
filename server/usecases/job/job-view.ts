// A job as its owner sees it: a pure view over the rows.
import type { z } from "zod";
import { largerSizes, remedyOf, type Sizes } from "../../../domain/job/larger.ts";
import { REASONS, type ReasonCode } from "../../../domain/job/reasons.ts";
import { rentalStatus } from "../../../domain/job/status.ts";
import { billedSeconds, charge } from "../../../domain/money/charge.ts";
import { formatMicros } from "../../../domain/money/micros.ts";
import { isNode } from "../../../domain/provider/state.ts";
import type { JobView, ReasonView } from "../../../protocol/job-views.ts";
import type { JobRow } from "../../repos/jobs.ts";

/** @param sold the most of each size that offers like it have free */
export function toReasonView(code: ReasonCode, rented: Sizes, sold?: Sizes): z.infer<typeof ReasonView> {
  const larger = largerSizes(code, rented, sold);
  return {
    code,
    ...REASONS[code],
    remedy: remedyOf(code, rented, larger),
    suggests: larger && { memory_gb: larger.memoryGb, storage_gb: larger.storageGb },
  };
}

/** Time out of reach so far, in ms: what is booked as outage, and the outage that lasts. */
export function outageSoFar(execution: JobRow["execution"], until: Date): number {
  const since = execution.unreachableSince;
  return execution.outageMs + (since ? Math.max(0, until.getTime() - since.getTime()) : 0);
}

/** @param sold the most of each size that offers like it have free; where it is not known, all that the wire takes */
export function toJobView({ job, execution, provider, hold }: JobRow, now: Date, sold?: Sizes): JobView {
  // Billing ends with the wish to stop, even while the provider still clears away.
  const asked = execution.stopRequestedAt && execution.stopRequestedAt < now ? execution.stopRequestedAt : now;
  const until = execution.endedAt ?? (execution.expiresAt && execution.expiresAt < asked ? execution.expiresAt : asked);
  const outageMs = outageSoFar(execution, until);
  const taken = hold.takenCash + hold.takenPromotion;
  const cost = job.settledAt || !execution.startedAt ? taken : charge(job.rate, execution.startedAt, until, outageMs);
  const status = rentalStatus(execution.status, execution.reason, execution.startedAt, job.settledAt !== null);
  const reason = job.reason ?? (status === "stopping" ? execution.stopReason : null);
  const { endpointHost: host, endpointPort: port, endpointUser: user } = execution;
  return {
    id: job.id,
    job_id: job.id,
    kind: job.kind,
    name: job.name,
    status,
    unreachable: execution.status === "unreachable",
    reason: reason && toReasonView(reason, { memoryGb: job.memoryGb, storageGb: job.diskGb }, sold),
    provider_id: provider.id,
    provider_name: provider.name,
    region: provider.region,
    gpu_model: job.gpuModel,
    gpu_count: job.gpuCount,
    declared: provider.declared,
    cpu_cores: job.cpuCores,
    memory_gb: job.memoryGb,
    storage_gb: job.diskGb,
    image: job.image,
    template: job.template,
    runtime: provider.runtime,
    duration_hours: job.hours,
    price_per_hour: formatMicros(job.rate),
    cost_so_far: formatMicros(cost),
    held: formatMicros(hold.heldCash + hold.heldPromotion),
    running_seconds: execution.startedAt ? billedSeconds(execution.startedAt, until, outageMs) : 0,
    outage_seconds: Math.floor(outageMs / 1000),
    created_at: job.createdAt.toISOString(),
    started_at: execution.startedAt?.toISOString() ?? null,
    ended_at: execution.endedAt?.toISOString() ?? null,
    expires_at: execution.expiresAt?.toISOString() ?? null,
    ssh:
      status === "running" && host && port && user
        ? { host, port, user, command: `ssh -p ${port} ${user}@${host}`, host_key: job.hostKeyPublic }
        : null,
    host_key_fingerprint: job.hostKeyFingerprint,
    command: job.command ? [...job.command] : null,
    http_port: job.httpPort,
    terminal: status === "running" && (isNode(provider.runtime) || job.sealedDoorKey !== null),
  };
}
