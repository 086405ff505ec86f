// Desired meets observed: load, decide, act, record. Safe to run twice, safe to be killed anywhere.

import { type ExecutionSnapshot, type Plan, planExecution, START_TIMEOUT_MS } from "../../../domain/execution/plan.ts";
import { isPlacedAgain } from "../../../domain/execution/replace.ts";
import type { ExecutionSpec, Observed, Placement } from "../../../domain/execution/spec.ts";
import { advance, isLive } from "../../../domain/execution/state.ts";
import type { ExecutionId, JobId } from "../../../domain/ids.ts";
import { REASONS } from "../../../domain/job/reasons.ts";
import { nextWarningAt, warningDue } from "../../../domain/job/warnings.ts";
import { charge } from "../../../domain/money/charge.ts";
import { isNode, usesImages } from "../../../domain/provider/state.ts";
import type { Deps, Tx } from "../../deps.ts";
import { recordEvent } from "../../repos/events.ts";
import { type ExecutionRow, type ExecutionSet, loadExecution, writeExecution } from "../../repos/executions.ts";
import { heldGpuUuids, updateJob } from "../../repos/jobs.ts";
import { bookCharge, lockBalance, releaseHold } from "../../repos/ledger.ts";
import { windowsEndingAfter } from "../../repos/maintenance.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { lockProvider, releaseGpus } from "../../repos/providers.ts";
import { loginForImage } from "../account/registry-logins.ts";
import { outageSoFar } from "../job/job-view.ts";
import { clusterOf } from "./clusters.ts";
import { keepLastWords } from "./keep-last-words.ts";
import { detailOf, MESSAGES } from "./messages.ts";
import { placeAgain } from "./place-again.ts";

export type ReconcileDeps = Pick<Deps, "db" | "clock" | "ids" | "queue" | "cluster" | "pods" | "secrets" | "settings">;

export async function reconcileExecution(deps: ReconcileDeps, id: ExecutionId): Promise<void> {
  const row = await loadExecution(deps.db, id);
  if (!row) return;
  const cluster = clusterOf(deps, row.provider.runtime);
  const where = placementOf(row);
  const observed = await cluster.observe(id, where);
  const now = deps.clock.now();
  const step = planExecution(await snapshot(deps, row, now), observed, now);
  if (step.act === "apply") await cluster.apply(await specOf(deps, row), where);
  if (step.act === "remove") {
    await keepLastWords(deps, id, where, { runtime: row.provider.runtime, observed });
    await cluster.remove(id, where);
  }
  if (!isLive(row.execution.status)) return finishEnded(deps, row, now);
  const moved = await moveTo(deps, row, observed, step, now);
  if (!moved || step.event) await deps.queue.ring("execution.reconcile", { id });
}

async function snapshot(
  { db }: ReconcileDeps,
  { execution, provider }: ExecutionRow,
  now: Date,
): Promise<ExecutionSnapshot> {
  const silentSince = provider.presence === "offline" ? (provider.offlineSince ?? execution.createdAt) : null;
  const windows = silentSince ? await windowsEndingAfter(db, provider.id, silentSince) : [];
  return {
    ...execution,
    silentSince,
    providerGone: provider.admission !== "approved",
    maintenanceUntil: windows.findLast(({ startsAt }) => startsAt <= now)?.endsAt ?? null,
  };
}

function placementOf({ execution, job, provider, nodeName }: ExecutionRow): Placement {
  const sshPort = execution.startedAt === null ? null : execution.endpointPort;
  return { tenant: job.account, nodeName, host: provider.host, sshPort };
}

/** What an execution is told to be; the same every time it is asked. */
async function specOf(
  { db, secrets }: ReconcileDeps,
  { execution, job, provider }: ExecutionRow,
): Promise<ExecutionSpec> {
  const startBy = execution.createdAt.getTime() + START_TIMEOUT_MS;
  return {
    id: execution.id,
    jobId: job.id,
    providerId: execution.providerId,
    kind: job.kind,
    image: job.image,
    cpuCores: execution.cpuCores,
    memoryMb: execution.memoryGb * 1024,
    diskGb: execution.diskGb,
    gpuUuids: await heldGpuUuids(db, execution.id),
    env: JSON.parse(secrets.open(job.sealedEnv)),
    command: job.command,
    registryLogin: usesImages(provider.runtime) ? await loginForImage({ db, secrets }, job.account, job.image) : null,
    // The broker reaches into what an agent runs by SSH; into pods it comes by the cluster.
    sshPublicKeys:
      job.doorKeyPublic === null || isNode(provider.runtime)
        ? job.sshPublicKeys
        : [...job.sshPublicKeys, `${job.doorKeyPublic} berth-broker`],
    sshHostKey: secrets.open(job.sealedHostKey),
    // As far as it is known at the start; the answer to a beat carries the real end once it runs.
    deadline: new Date(startBy + job.hours * 3_600_000).toISOString(),
  };
}

/** Records the step, and all that follows from it, in one transaction guarded by the version that was loaded. */
async function moveTo(
  deps: ReconcileDeps,
  row: ExecutionRow,
  observed: Observed,
  step: Plan,
  now: Date,
): Promise<boolean> {
  const { execution, job, provider } = row;
  const status = step.event ? advance(execution.status, step.event) : execution.status;
  const ends = !isLive(status);
  const set = changes(row, observed, step, now);
  const again = ends && isPlacedAgain({ ...execution, ...set, status, reason: step.reason, pinned: job.pinned });
  const warn =
    status === "running" && execution.expiresAt ? warningDue(execution.expiresAt, job.warnedMinutes, now) : null;

  return deps.db.transaction(async (tx) => {
    const money = ends || (execution.startedAt !== null && status === "running");
    if (money) await lockBalance(tx, job.account);
    if (ends) await lockProvider(tx, provider.id);
    const againAt = ends ? (again ? now : null) : earliest(step.againAt, nextLook(row, status, warn));
    const settled = ends && !again;
    if (!(await writeExecution(tx, execution, { ...set, status, settled }, againAt))) return false;
    if (step.event) await recordStep(tx, row, observed, step, now);
    if (set.endpointPort && execution.startedAt) await recordMove(tx, job.id, set, now);
    if (warn) {
      await updateJob(tx, job.id, { warnedMinutes: warn });
      const message = `${warn} minutes are left. Extend it, or save your work: the storage ends with the rental.`;
      await recordEvent(tx, { subject: job.id, code: "ends-soon", message, data: { minutes: warn }, at: now });
    }
    const after: ExecutionRow = { ...row, execution: { ...execution, ...set, status } };
    if (!ends) {
      if (money && row.lastSeenAt) await book(deps, tx, after, earliest(now, row.lastSeenAt) ?? now, now);
      return true;
    }
    await releaseGpus(tx, execution.id);
    await recomputeOffers(tx, provider.id);
    if (settled) await settle(deps, tx, after, now);
    return true;
  });
}

/** The columns that a step writes, besides the status. */
function changes({ execution, job, provider }: ExecutionRow, observed: Observed, step: Plan, now: Date): ExecutionSet {
  switch (step.event) {
    case "applied":
      return { appliedAt: now };
    case "ready": {
      if (observed.state !== "ready") return {};
      const { host, port, user } = observed.endpoint;
      const expiresAt = new Date(now.getTime() + job.hours * 3_600_000);
      return { startedAt: now, expiresAt, endpointHost: host, endpointPort: port, endpointUser: user };
    }
    case "heartbeatLost":
      if (execution.status === "running") return { unreachableSince: provider.offlineSince ?? now };
      break;
    case "heartbeatSeen":
      return { unreachableSince: null, outageMs: outageSoFar(execution, now) };
    case "stopRequested":
      if (execution.desired === "run" && execution.status !== "scheduled")
        return { desired: "stop", stopReason: step.reason, stopRequestedAt: earliest(execution.expiresAt, now) };
      break;
  }
  if (!step.endedAt) return execution.status === "running" ? doorThatMoved(execution, observed) : {};
  const ended = observed.state === "ended" ? { exitCode: observed.exitCode, endCause: observed.cause } : {};
  const outageMs = outageSoFar(execution, step.endedAt);
  return { ...ended, reason: step.reason, endedAt: step.endedAt, outageMs, unreachableSince: null };
}

function nextLook({ execution, job }: ExecutionRow, status: string, warned: number | null): Date | null {
  if (status !== "running" || !execution.expiresAt) return null;
  return nextWarningAt(execution.expiresAt, warned ?? job.warnedMinutes);
}

/** Where SSH answers, where that is another place than the row says: its service was taken away and made anew. */
function doorThatMoved({ endpointHost, endpointPort }: ExecutionRow["execution"], observed: Observed): ExecutionSet {
  if (observed.state !== "ready") return {};
  const { host, port } = observed.endpoint;
  return host === endpointHost && port === endpointPort ? {} : { endpointHost: host, endpointPort: port };
}

async function recordMove(tx: Tx, jobId: JobId, set: ExecutionSet, at: Date): Promise<void> {
  const message = `Its SSH answers at ${set.endpointHost}:${set.endpointPort} now.`;
  await recordEvent(tx, { subject: jobId, code: "endpoint-changed", message, at });
}

async function recordStep(tx: Tx, { execution, job }: ExecutionRow, observed: Observed, step: Plan, at: Date) {
  if (!step.event) return;
  const tells = MESSAGES[step.event](execution.status);
  const reason = step.reason && step.event !== "stopRequested" ? REASONS[step.reason].sentence : null;
  const message = [tells, reason, detailOf(observed, step)].filter((part) => part !== null).join(" ");
  if (!message) return;
  const data = { execution_id: execution.id, attempt: execution.attempt, reason: step.reason };
  await recordEvent(tx, { subject: job.id, code: step.event, message, data, at });
}

/** Books what it cost up to a moment. */
async function book(deps: ReconcileDeps, tx: Tx, { execution, job, provider }: ExecutionRow, until: Date, at: Date) {
  if (!execution.startedAt) return;
  const upTo = charge(job.rate, execution.startedAt, until, outageSoFar(execution, until));
  const { platformFeeBps: feeBps } = deps.settings;
  await bookCharge(tx, deps.ids, {
    jobId: job.id,
    owner: provider.owner,
    upTo,
    feeBps,
    description: `Rental of ${job.name}`,
    at,
  });
}

/** The job's end: the last booking, the rest of the hold back, the reason. The account is locked. */
export async function settle(deps: ReconcileDeps, tx: Tx, row: ExecutionRow, now: Date): Promise<void> {
  const { execution, job } = row;
  await book(deps, tx, row, execution.endedAt ?? now, now);
  await releaseHold(tx, deps.ids, job.id, now);
  await updateJob(tx, job.id, { reason: execution.reason, settledAt: now });
  await recordEvent(tx, {
    subject: job.id,
    code: "settled",
    message: "The bill is closed; what was not used went back.",
    at: now,
  });
}

/** An execution that ended but is not settled failed before it ran: its job is placed again, or gets its end. */
async function finishEnded(deps: ReconcileDeps, row: ExecutionRow, now: Date): Promise<void> {
  const { execution, job } = row;
  if (execution.settled) return;
  if (isPlacedAgain({ ...execution, pinned: job.pinned }) && (await placeAgain(deps, row, now))) return;
  await deps.db.transaction(async (tx) => {
    await lockBalance(tx, job.account);
    if (await writeExecution(tx, execution, { settled: true }, null)) await settle(deps, tx, row, now);
  });
}

function earliest(...times: readonly (Date | null)[]): Date | null {
  return times.reduce<Date | null>((min, at) => (at && (!min || at < min) ? at : min), null);
}
