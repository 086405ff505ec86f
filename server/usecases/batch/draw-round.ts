// One round of giving out copies, on paper: which machine gets a copy of which job. Pure but for the chance it is given.
import type { JobId } from "../../../domain/ids.ts";
import { BATCH_DISK_GB, type PanelClass, THIRD_PARTY_SECONDS } from "../../../domain/job/batch.ts";
import { type Holding, quote } from "../../../domain/money/quote.ts";
import { fitsBefore } from "../../../domain/provider/maintenance.ts";
import { isNode, runsImagesOwn } from "../../../domain/provider/state.ts";
import { isOpenToHeldBack } from "../../../domain/verification/held-back.ts";
import { type Candidate, drawPanel } from "../../../domain/verification/panel.ts";
import type { WaitingJob } from "../../repos/batch-dispatch.ts";
import type { OwnerGroups } from "./owner-groups.ts";
import type { Machine } from "./pool.ts";

/** Time to get the image and to start, before the timeout of the run itself counts. */
export const START_ALLOWANCE_MS = 120_000;

export interface Drawn {
  readonly job: WaitingJob;
  readonly machine: Machine;
  /** "" for none */
  readonly gpuModel: string;
  readonly rate: bigint;
}

export interface Round {
  /** job by job, in the order in which they were asked */
  readonly drawn: readonly { readonly job: WaitingJob; readonly copies: readonly Drawn[]; readonly pool: PoolSize }[];
  /** jobs for which there was nobody from the start, while there is room for others */
  readonly missed: readonly JobId[];
  /** whether anything could still run anywhere */
  readonly roomLeft: boolean;
}

export interface PoolSize {
  readonly groups: number;
  readonly unfiltered: number;
}

/** A machine that fits a kind of job; its room is counted again for each job. */
interface Fitting extends Candidate {
  readonly machine: Machine;
  readonly rate: bigint;
  room: number;
}

/** Jobs alike in all that machines are chosen by. */
interface Kind {
  readonly fitting: readonly Fitting[];
  /** distinct groups that had room at the start of the round, by class */
  readonly pool: ReadonlyMap<PanelClass, ReadonlySet<string>>;
  exhausted: boolean;
}

export interface RoundRules {
  readonly now: Date;
  /** jobs that get something */
  readonly most: number;
  readonly random: () => number;
  /** how many GPUs more accounts may hold on nodes of the cluster, of those that want some; what is drawn is taken off */
  readonly nodeGpusLeft: Map<string, number>;
}

/** Takes what it gives out off the machines. */
export function drawRound(
  jobs: readonly WaitingJob[],
  machines: readonly Machine[],
  groups: OwnerGroups,
  { now, most, random, nodeGpusLeft }: RoundRules,
): Round {
  const kinds = new Map<string, Kind>();
  const ofChecks = machines.filter((machine) => !machine.quarantined);
  const ofCustomers = ofChecks.filter((machine) => !machine.heldBack);
  const [poolOfChecks, poolOfCustomers] = [poolOf(ofChecks), poolOf(ofCustomers)];
  const drawn: Round["drawn"][number][] = [];
  const missed: JobId[] = [];
  for (const job of jobs) {
    if (drawn.length >= most) break;
    const key = keyOf(job);
    const isOpen = isOpenToHeldBack(job.purpose);
    const kind = kinds.get(key) ?? kindOf(job, isOpen ? ofChecks : ofCustomers, now);
    kinds.set(key, kind);
    if (kind.pool.size === 0) missed.push(job.id);
    if (kind.exhausted) continue;
    for (const one of kind.fitting) one.room = Math.max(0, roomOn(one.machine, job) * one.machine.trust);
    if (kind.fitting.every(({ room }) => room === 0)) {
      kind.exhausted = true;
      continue;
    }
    const left = nodeGpusLeft.get(job.account) ?? 0;
    const ofNodes = job.gpuCount === 0 ? job.copiesWanted : Math.floor(left / job.gpuCount);
    if (ofNodes === 0) for (const one of kind.fitting) if (isNode(one.machine.runtime)) one.room = 0;
    const own = groups.ownedBy(job.account);
    const taken = job.panel.flatMap(({ providerId, group }) => [group, groups.of(providerId)]);
    const panel = drawPanel(
      kind.fitting,
      {
        copies: job.copiesWanted,
        excludedGroups: new Set([...own, ...taken]),
        unproven: job.purpose === "audit" ? 1 : job.panel.filter((member) => member.own && !member.proven).length,
        panelClass: job.panelClass,
        tied: job.tied,
      },
      random,
    );
    const [first] = panel;
    if (!first) {
      missed.push(job.id);
      continue;
    }
    const limited = job.gpuCount === 0 ? [] : panel.filter(({ machine }) => isNode(machine.runtime));
    const over = new Set(limited.slice(ofNodes));
    const copies = panel.filter((one) => !over.has(one)).map((one) => give(job, one));
    const onNodes = copies.filter(({ machine }) => isNode(machine.runtime)).length;
    nodeGpusLeft.set(job.account, left - onNodes * job.gpuCount);
    const count = (pool: ReadonlyMap<PanelClass, ReadonlySet<string>>) => {
      const those = pool.get(first.panelClass) ?? NOBODY;
      return those.size - [...own].filter((group) => those.has(group)).length;
    };
    drawn.push({
      job,
      copies,
      pool: { groups: count(kind.pool), unfiltered: count(isOpen ? poolOfChecks : poolOfCustomers) },
    });
  }
  const roomLeft = hasRoom(machines);
  return { drawn, missed: roomLeft ? missed : [], roomLeft };
}

function give(job: WaitingJob, { machine, rate }: Fitting): Drawn {
  const gpuModel = modelFor(machine, job) ?? "";
  machine.freeCpuCores -= job.cpuCores;
  machine.freeMemoryGb -= job.memoryGb;
  machine.freeDiskGb -= job.diskGb;
  if (job.gpuCount > 0) machine.freeGpus.set(gpuModel, (machine.freeGpus.get(gpuModel) ?? 0) - job.gpuCount);
  return { job, machine, gpuModel, rate };
}

const NOBODY: ReadonlySet<string> = new Set();

function kindOf(job: WaitingJob, machines: readonly Machine[], now: Date): Kind {
  const until = new Date(now.getTime() + job.timeoutSeconds * 1000 + START_ALLOWANCE_MS);
  const fitting = machines.flatMap((machine) => {
    const rate = quote(machine, job);
    if (!fits(machine, job, rate, until)) return [];
    const { providerId, group, panelClass, evidence, quarantined } = machine;
    return [{ providerId, group, panelClass, evidence, quarantined, machine, rate, room: 0 }];
  });
  const pool = poolOf(fitting.map(({ machine }) => machine));
  return { fitting, pool, exhausted: fitting.length === 0 };
}

function fits(machine: Machine, job: WaitingJob, rate: bigint, until: Date): boolean {
  return (
    rate <= job.rate &&
    (machine.sandboxed || !job.anonymous) &&
    fitsBefore(machine.busyFrom, until) &&
    (machine.panelClass !== "external" || fitsThirdParty(job)) &&
    (runsImagesOwn(machine.runtime) || !job.imagesOwn) &&
    roomOn(machine, job) > 0
  );
}

/** Third-party workers give their containers no GPU and no input, and collect no files. */
function fitsThirdParty({ gpuCount, withFiles, withInput, timeoutSeconds }: WaitingJob): boolean {
  return gpuCount === 0 && !withFiles && !withInput && timeoutSeconds <= THIRD_PARTY_SECONDS;
}

function poolOf(machines: readonly Machine[]): Map<PanelClass, Set<string>> {
  const pool = new Map<PanelClass, Set<string>>();
  for (const { panelClass, group } of machines)
    pool.set(panelClass, (pool.get(panelClass) ?? new Set<string>()).add(group));
  return pool;
}

/** How many more executions like this one a machine can take. */
function roomOn(machine: Machine, job: Holding & Pick<WaitingJob, "gpuModel">): number {
  const { cpuCores, memoryGb, diskGb, gpuCount } = job;
  const most = Math.min(
    Math.floor(machine.freeCpuCores / cpuCores),
    Math.floor(machine.freeMemoryGb / memoryGb),
    Math.floor(machine.freeDiskGb / diskGb),
  );
  if (gpuCount === 0) return most;
  const model = modelFor(machine, job);
  return model === null ? 0 : Math.min(most, Math.floor((machine.freeGpus.get(model) ?? 0) / gpuCount));
}

/** Among the models that are wanted and free the scarcest: large sets stay whole. */
function modelFor(machine: Machine, { gpuModel, gpuCount }: Pick<WaitingJob, "gpuModel" | "gpuCount">): string | null {
  if (gpuCount === 0) return null;
  const enough = [...machine.freeGpus].filter(
    ([model, free]) => free >= gpuCount && (gpuModel === null || model === gpuModel),
  );
  enough.sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1));
  return enough[0]?.[0] ?? null;
}

function hasRoom(machines: readonly Machine[]): boolean {
  return machines.some((m) => m.freeCpuCores > 0 && m.freeMemoryGb > 0 && m.freeDiskGb >= BATCH_DISK_GB);
}

function keyOf(job: WaitingJob): string {
  const {
    cpuCores,
    memoryGb,
    diskGb,
    gpuCount,
    gpuModel,
    rate,
    timeoutSeconds,
    anonymous,
    withFiles,
    withInput,
    imagesOwn,
    purpose,
  } = job;
  return JSON.stringify([
    ...[cpuCores, memoryGb, diskGb, gpuCount, gpuModel],
    ...[rate.toString(), timeoutSeconds, anonymous, withFiles, withInput, imagesOwn],
    isOpenToHeldBack(purpose),
  ]);
}
