// Machines for jobs that want them: one round gives out as many copies as there is room for, in fair order of accounts.

import type { ExecutionId, GpuId, JobId, ProviderId } from "../../../domain/ids.ts";
import { quote } from "../../../domain/money/quote.ts";
import { fitsBefore } from "../../../domain/provider/maintenance.ts";
import { isNode } from "../../../domain/provider/state.ts";
import { isProven } from "../../../domain/verification/evidence.ts";
import type { Deps, Tx } from "../../deps.ts";
import {
  type GivenOut,
  insertExecutions,
  lockWanting,
  type NewBatchExecution,
  passOver,
  tellProviders,
  tryDispatchTurn,
  type WaitingJob,
  waitingJobs,
  writeGivenOut,
} from "../../repos/batch-dispatch.ts";
import { lockRooms, type Room } from "../../repos/batch-rooms.ts";
import { type NewEvent, recordEvents } from "../../repos/events.ts";
import { recomputeManyOffers } from "../../repos/offers.ts";
import { type Drawn, drawRound, type Round, START_ALLOWANCE_MS } from "./draw-round.ts";
import { FIRST_HEDGE_LOOK_MS } from "./judge.ts";
import { groupsNow, machinesNow } from "./pool.ts";

export type DispatchDeps = Pick<Deps, "db" | "clock" | "ids" | "queue" | "settings" | "log">;

/** Jobs of one round that get something, and jobs that are looked at for it: those that fit nowhere hold up no other. */
const MOST_JOBS = 100;
const LOOKED_AT = 500;

/**
 * One round: at most a hundred jobs, in one transaction, one dispatcher at a time. Rings again where more could be given out.
 * @returns how many executions were given out
 */
export async function dispatchBatch(deps: DispatchDeps): Promise<number> {
  const { db, queue, settings } = deps;
  const groups = await groupsNow(db, settings.demo);
  const { given, more, onNodes } = await db.transaction(async (tx) => {
    if (!(await tryDispatchTurn(tx))) return NOTHING;
    const now = deps.clock.now();
    const jobs = await waitingJobs(tx, now, { limit: LOOKED_AT, checks: false });
    // The broker's own checks get what customers' jobs leave.
    if (jobs.length < LOOKED_AT)
      jobs.push(...(await waitingJobs(tx, now, { limit: LOOKED_AT - jobs.length, checks: true })));
    if (jobs.length === 0) return NOTHING;
    const withGpus = jobs.some(({ gpuCount }) => gpuCount > 0);
    const machines = await machinesNow(tx, groups, now, { demo: settings.demo, withGpus });
    const round = drawRound(jobs, machines, groups, { now, most: MOST_JOBS, random: Math.random });
    const full = jobs.length === LOOKED_AT;
    if (full) await passOver(tx, round.missed, now);
    const count = round.drawn.length === 0 ? 0 : await giveOut(deps, tx, round, withGpus, now);
    return {
      given: count,
      more: round.drawn.length >= MOST_JOBS || (full && round.missed.length > 0),
      onNodes: round.drawn.some(({ copies }) => copies.some(({ machine }) => isNode(machine.runtime))),
    };
  });
  if (onNodes) await queue.ring("batch.pods", {});
  if (more) await queue.ring("batch.dispatch", {});
  return given;
}

const NOTHING = { given: 0, more: false, onNodes: false };

async function giveOut(deps: DispatchDeps, tx: Tx, { drawn }: Round, withGpus: boolean, now: Date): Promise<number> {
  const rooms = await lockRooms(tx, [...new Set(drawn.flatMap(({ copies }) => copies.map(machineOf)))], withGpus);
  const wanting = await lockWanting(
    tx,
    drawn.map(({ job }) => job.id),
  );
  const rows: NewBatchExecution[] = [];
  const given: GivenOut[] = [];
  const events: NewEvent[] = [];
  for (const { job, copies, pool } of drawn) {
    const until = new Date(now.getTime() + job.timeoutSeconds * 1000 + START_ALLOWANCE_MS);
    const most = wanting.get(job.id) ?? 0;
    const placed: NewBatchExecution[] = [];
    for (const copy of copies) {
      if (placed.length >= most) break;
      const spot = take(rooms.get(machineOf(copy)), copy, until);
      if (spot) placed.push(toRow(deps.ids.next("exec"), copy, placed.length, { ...spot, until }));
    }
    const [first] = copies;
    if (placed.length === 0 || !first) continue;
    rows.push(...placed);
    given.push({
      id: job.id,
      copiesLeft: most - placed.length,
      panelClass: first.machine.panelClass,
      poolGroups: pool.groups,
      poolGroupsUnfiltered: pool.unfiltered,
      nextLookAt: nextLook(job, most - placed.length, until, now),
    });
    events.push(toldOf(job.id, placed.length, most - placed.length, now));
  }
  if (rows.length === 0) return 0;
  await insertExecutions(tx, rows, now);
  await writeGivenOut(tx, given);
  await recordEvents(tx, events);
  const touched = [...new Set(rows.map(({ providerId }) => providerId))];
  await recomputeManyOffers(tx, touched);
  await tellProviders(tx, touched);
  return rows.length;
}

const machineOf = ({ machine }: Drawn): ProviderId => machine.providerId;

interface Spot {
  readonly rate: bigint;
  readonly gpuIds: readonly GpuId[];
}

/** Takes what a copy needs off a locked provider; null where that has changed since it was drawn. */
function take(room: Room | undefined, { job, gpuModel }: Drawn, until: Date): Spot | null {
  if (!room?.available || room.quarantined || (job.anonymous && !room.sandboxed)) return null;
  const rate = quote(room, job);
  if (rate > job.rate || !fitsBefore(room.busyFrom, until)) return null;
  if (room.cpuCores < job.cpuCores || room.memoryGb < job.memoryGb || room.diskGb < job.diskGb) return null;
  const free = job.gpuCount === 0 ? [] : (room.gpus.get(gpuModel) ?? []);
  if (free.length < job.gpuCount) return null;
  room.cpuCores -= job.cpuCores;
  room.memoryGb -= job.memoryGb;
  room.diskGb -= job.diskGb;
  return { rate, gpuIds: free.splice(0, job.gpuCount) };
}

function toRow(
  id: ExecutionId,
  { job, machine }: Drawn,
  before: number,
  { rate, gpuIds, until }: Spot & { readonly until: Date },
): NewBatchExecution {
  const numbers = job.panel.filter(({ own }) => own).map(({ number }) => number);
  return {
    id,
    jobId: job.id,
    providerId: machine.providerId,
    number: Math.max(0, ...numbers) + before + 1,
    ownerGroup: machine.group,
    proven: isProven(machine.evidence),
    rate,
    cpuCores: job.cpuCores,
    memoryGb: job.memoryGb,
    diskGb: job.diskGb,
    deadlineAt: until,
    gpuIds,
  };
}

/** The least of its deadlines, of the first look at a hedge, and of the end of the queue for what it still wants. */
function nextLook(job: WaitingJob, copiesLeft: number, until: Date, now: Date): Date {
  const times = [
    until.getTime(),
    ...job.panel.flatMap(({ own, deadlineMs }) => (own && deadlineMs ? [deadlineMs] : [])),
  ];
  if (!job.hedged) times.push(now.getTime() + FIRST_HEDGE_LOOK_MS);
  if (copiesLeft > 0) times.push(job.waitingSince.getTime() + job.queueTimeoutSeconds * 1000);
  return new Date(Math.min(...times));
}

function toldOf(jobId: JobId, copies: number, left: number, at: Date): NewEvent {
  const owners = copies === 1 ? "one machine" : `${copies} machines of distinct owners`;
  const rest = left === 0 ? "" : ` It waits for ${left} more.`;
  return { subject: jobId, code: "dispatched", message: `Given to ${owners}.${rest}`, data: { copies, left }, at };
}
