// Why a batch job waits though machines are there, where that is its customer's to change; told while it waits, and in the end.
import type { JobId, ProviderId } from "../../../domain/ids.ts";
import { type GpuLimit, limitEndedSentence, limitSentence } from "../../../domain/job/gpu-limit.ts";
import { REASONS, type ReasonCode } from "../../../domain/job/reasons.ts";
import type { Decision } from "../../../domain/verification/decide.ts";
import { isRefused, refusedAlike, type Tried } from "../../../domain/verification/refused.ts";
import type { Db, Deps, Tx } from "../../deps.ts";
import {
  type Asked,
  fitNobodyElse,
  fitWithCommandOnly,
  keptFromNodes,
  type Refusals,
  type WaitingPanel,
  waitingPanels,
} from "../../repos/batch-limit.ts";
import { nodeGpusLeft } from "../job/rent-gpu.ts";
import { groupsNow, type HeldBack, heldBackNow, type OwnerGroups } from "./owner-groups.ts";
import { failedReason } from "./verdict-of.ts";

/** What keeps it from machines that are there. `tenant-limit`: a node is free for it, and its account may hold no more GPUs there. */
export type KeptFrom =
  | { readonly code: "tenant-limit"; readonly limit: GpuLimit }
  /** machines that have what it needs need a command */
  | { readonly code: "needs-command" };

/** What keeps it, or why it was not enough to be given out: machines refused it before it ran. */
export type Kept = KeptFrom | ({ readonly code: "machines-refused" } & Refusals);

type KeptDeps = Pick<Deps, "db" | "settings">;

/** Only jobs that want GPUs or have no command can be kept so: for others nothing is asked. */
export function mayBeKept({ gpuCount, command }: { readonly gpuCount: number; readonly command: readonly string[] }) {
  return gpuCount > 0 || command.length === 0;
}

/** @param ids of jobs that want machines @param reader where a transaction is open: that one */
export async function keptWaiting(
  deps: KeptDeps,
  ids: readonly JobId[],
  now: Date,
  reader: Db | Tx = deps.db,
): Promise<ReadonlyMap<JobId, KeptFrom>> {
  const kept = new Map<JobId, KeptFrom>();
  if (ids.length === 0) return kept;
  const { demo } = deps.settings;
  const jobs = await waitingPanels(reader, ids);
  const limits = await limitsOf(deps, reader, jobs);
  const over = jobs.filter(({ account, gpuCount }) => gpuCount > (limits.get(account)?.left ?? gpuCount));
  const commandless = jobs.filter(({ imagesOwn }) => imagesOwn);
  if (over.length + commandless.length === 0) return kept;
  const groups = await groupsNow(deps.db, demo, reader);
  const held = await heldBackNow(deps.db, now, demo, { reader });
  const ask = (job: WaitingPanel): Asked => ({ job, excluded: excludedFrom(job, groups, held) });
  if (commandless.length > 0)
    for (const id of await fitWithCommandOnly(reader, commandless.map(ask), { processes: demo }))
      kept.set(id, { code: "needs-command" });
  const limited = over.length > 0 ? await keptFromNodes(reader, over.map(ask), now) : new Set<JobId>();
  for (const { id, account } of over) {
    const limit = limits.get(account);
    if (limit && limited.has(id)) kept.set(id, { code: "tenant-limit", limit });
  }
  return kept;
}

/**
 * Of refused jobs those that no other owner's machine in reach fits: nobody is left who could be asked.
 * @param reader a transaction that is open
 */
export async function leftWithNobody(
  { db, settings: { demo } }: KeptDeps,
  ids: readonly JobId[],
  now: Date,
  reader: Tx,
): Promise<ReadonlySet<JobId>> {
  if (ids.length === 0) return new Set();
  const jobs = await waitingPanels(reader, ids);
  const groups = await groupsNow(db, demo, reader);
  const held = await heldBackNow(db, now, demo, { reader });
  const asked = jobs.map((job) => ({ job, excluded: excludedFrom(job, groups, held) }));
  return fitNobodyElse(reader, asked, { processes: demo });
}

/** Of the accounts whose jobs want GPUs. */
async function limitsOf({ settings }: KeptDeps, reader: Db | Tx, jobs: readonly WaitingPanel[]) {
  const limits = new Map<string, GpuLimit>();
  for (const account of new Set(jobs.flatMap(({ gpuCount, account: one }) => (gpuCount > 0 ? [one] : []))))
    limits.set(account, {
      most: settings.tenantMaxGpus,
      left: await nodeGpusLeft(reader, settings, account),
    });
  return limits;
}

/** Whom dispatch would not ask: the very groups that it leaves out. */
function excludedFrom({ account, panel }: WaitingPanel, groups: OwnerGroups, held: HeldBack): ProviderId[] {
  const taken = panel.flatMap(({ providerId, group }) => [group, groups.of(providerId)]);
  const excluded = new Set([...groups.ownedBy(account), ...taken]);
  return [...held.keys(), ...[...excluded].flatMap(groups.machinesOf)];
}

/** While it waits. Of a machine's own words there is the beginning. */
export function keptSentence(kept: Kept, { gpuCount }: { readonly gpuCount: number }): string {
  if (kept.code === "tenant-limit") return limitSentence(gpuCount, kept.limit);
  if (kept.code === "needs-command") return REASONS[kept.code].sentence;
  const last = kept.machines === 1 ? "" : ", the last of them";
  const detail = shortened(kept.detail);
  return `${cannotRun(kept.machines)}${detail && `${last}: ${detail}`}${/[.!?…]$/.test(detail) ? "" : "."}`;
}

/** Of a machine's own words, in characters: the panel has all of them. */
const MOST_DETAIL = 300;

function shortened(detail: string): string {
  const line = detail.replace(/\s+/g, " ").trim();
  return line.length > MOST_DETAIL ? `${line.slice(0, MOST_DETAIL - 1).trimEnd()}…` : line;
}

function cannotRun(machines: number): string {
  return machines === 1
    ? "One machine said that it cannot run it"
    : `${machines} machines said that they cannot run it`;
}

/** Where nobody is left who could be asked. */
export function refusedEnd(panel: readonly Tried[]): Extract<Decision, { kind: "failed" }> {
  const sentence = `${cannotRun(panel.length)}, and no machine of another owner that fits it is there.`;
  return { kind: "failed", end: refusedAlike(panel), sentence };
}

/** Where its time in the queue is over; null: no machine was free, unless those that were could not run it. */
export function keptEnd(
  kept: KeptFrom | null,
  { gpuCount, queueTimeoutSeconds }: { readonly gpuCount: number; readonly queueTimeoutSeconds: number },
  panel: readonly Tried[],
): { readonly reason: ReasonCode; readonly sentence: string } {
  if (!kept && isRefused(panel))
    return { reason: failedReason(refusedAlike(panel)), sentence: `${cannotRun(panel.length)}.` };
  if (kept?.code !== "tenant-limit") {
    const reason = kept?.code ?? "no-machines";
    return { reason, sentence: REASONS[reason].sentence };
  }
  return { reason: "over-limit", sentence: limitEndedSentence(gpuCount, kept.limit, queueTimeoutSeconds) };
}
