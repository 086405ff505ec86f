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
import { lockBalance } from "../../repos/ledger.ts";
import { recomputeManyOffers } from "../../repos/offers.ts";
import { nodeGpusLeft } from "../job/rent-gpu.ts";
import { type Drawn, drawRound, type Round, START_ALLOWANCE_MS } from "./draw-round.ts";
import { FIRST_HEDGE_LOOK_MS } from "./judge.ts";
import { groupsNow } from "./owner-groups.ts";
import { type Machine, machinesNow } from "./pool.ts";

export type DispatchDeps = Pick<Deps, "db" | "clock" | "ids" | "queue" | "settings" | "log">;

/** Jobs that get something in one round. */
const MOST_JOBS = 100;
/** Jobs that are looked at for it, in fair order: those that fit nowhere hold up no other. Most rounds need few. */
const LOOKED_AT_FIRST = 150;
const LOOKED_AT = 500;

/**
 * At most a hundred jobs. Where too few of the first fit, another round looks farther, at these again and at those behind
 * them. Rings again where more could be given out.
 * @returns how many executions were given out
 */
export async function dispatchBatch(deps: DispatchDeps): Promise<number> {
  const { given, farther } = await dispatchRound(deps, LOOKED_AT_FIRST);
  return farther ? given + (await dispatchRound(deps, LOOKED_AT)).given : given;
}

/** In one transaction, one dispatcher at a time. @param lookedAt how many of those that wait */
async function dispatchRound(deps: DispatchDeps, lookedAt: number) {
  const { db, queue, settings } = deps;
  const remembered = await groupsNow(db, settings.demo);
  const round = await db.transaction(async (tx) => {
    if (!(await tryDispatchTurn(tx))) return NOTHING;
    const now = deps.clock.now();
    const jobs = await waitingJobs(tx, now, { limit: lookedAt, checks: false });
    // The broker's own checks get what customers' jobs leave.
    if (jobs.length < lookedAt)
      jobs.push(...(await waitingJobs(tx, now, { limit: lookedAt - jobs.length, checks: true })));
    if (jobs.length === 0) return NOTHING;
    const withGpus = jobs.some(({ gpuCount }) => gpuCount > 0);
    const { machines, groups } = await machinesNow(tx, remembered, now, { demo: settings.demo, withGpus });
    const left = await gpusLeft(deps, tx, jobs, machines);
    const rules = { now, most: MOST_JOBS, random: Math.random, nodeGpusLeft: left };
    const onPaper = drawRound(jobs, machines, groups, rules);
    const { drawn, missed, roomLeft } = onPaper;
    const enough = drawn.length >= MOST_JOBS;
    const full = jobs.length === LOOKED_AT;
    if (full) await passOver(tx, missed, now);
    return {
      given: drawn.length === 0 ? 0 : await giveOut(deps, tx, onPaper, withGpus, now),
      more: enough || (full && missed.length > 0),
      farther: !enough && roomLeft && lookedAt < LOOKED_AT && jobs.length === lookedAt,
      onNodes: drawn.some(({ copies }) => copies.some(({ machine }) => isNode(machine.runtime))),
    };
  });
  if (round.onNodes) await queue.ring("batch.pods", {});
  if (round.more) await queue.ring("batch.dispatch", {});
  return round;
}

/**
 * What accounts that want GPUs may still hold on nodes, with their rentals. Their accounts are locked, as a rental locks
 * them, so that both kinds together keep to it.
 */
async function gpusLeft(
  { settings }: DispatchDeps,
  tx: Tx,
  jobs: readonly WaitingJob[],
  machines: readonly Machine[],
): Promise<Map<string, number>> {
  const left = new Map<string, number>();
  if (!machines.some(({ runtime, freeGpus }) => isNode(runtime) && freeGpus.size > 0)) return left;
  const wanting = [...new Set(jobs.flatMap(({ gpuCount, account }) => (gpuCount > 0 ? [account] : [])))].sort();
  for (const account of wanting) {
    await lockBalance(tx, account);
    left.set(account, await nodeGpusLeft(tx, settings, account));
  }
  return left;
}

const NOTHING = { given: 0, more: false, farther: false, onNodes: false };

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
