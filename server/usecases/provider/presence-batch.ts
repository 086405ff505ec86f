// Beats of many machines, written together: one statement set for all that came within a quarter of a second, or until
// there was something to tell one of them.
import { AppError } from "../../../domain/errors.ts";
import { type ExecutionId, isId, type ProviderId } from "../../../domain/ids.ts";
import { ExecutionReport } from "../../../protocol/agent.ts";
import type { Db, Deps } from "../../deps.ts";
import type { Started } from "../../repos/batch-news.ts";
import { type GpuRow, gpusOf } from "../../repos/gpus.ts";
import {
  type Beat,
  type LastBeat,
  lockLastBeats,
  type News,
  type Standing,
  wakeByNews,
  writeBeats,
} from "../../repos/presence.ts";
import { providersByIds } from "../../repos/providers.ts";
import { changesAnything, inventoryChanges } from "./inventory.ts";
import { digestOf, isKnown, type MachineFacts, remember } from "./known-machines.ts";
import { type PacedBatch, pacedBatch } from "./paced-batch.ts";

type BatchDeps = Pick<Deps, "db" | "clock" | "queue">;

/** A provider as it stood when its beat was taken. */
export interface Taken {
  readonly standing: Standing;
  /** whether its rows say something else than the machine's report */
  readonly altered: boolean;
  /** whether the agent that spoke before the last one speaks again: two of them run */
  readonly twoAgents: boolean;
}

interface Waiting {
  readonly beat: Beat;
  readonly facts: MachineFacts | null;
  readonly resolve: (taken: Taken) => void;
  readonly reject: (error: unknown) => void;
}

/** One batch a process and database. It holds nothing that matters: a beat that is lost with it comes again. */
const batches = new WeakMap<Db, PacedBatch<Waiting>>();

/**
 * @param facts what the beat says about its machine; null where it says nothing
 * @throws AppError `stale-sequence` where a newer beat was taken before, `not-found` where there is no such provider,
 *   `forbidden` where it was removed
 */
export function takeBeat(deps: BatchDeps, beat: Beat, facts: MachineFacts | null = null): Promise<Taken> {
  const batch = batches.get(deps.db) ?? pacedBatch<Waiting>((came) => flush(deps, came));
  batches.set(deps.db, batch);
  return new Promise((resolve, reject) => batch.add({ beat, facts, resolve, reject }));
}

/** Somebody whose beat waits here could be answered: what waits is written soon. */
export function hurryBeats(db: Db): void {
  batches.get(db)?.hurry();
}

/** Writes what came, and answers everyone. It never throws: each waiting beat gets its own end. */
async function flush({ db, clock, queue }: BatchDeps, came: readonly Waiting[]): Promise<void> {
  try {
    const now = clock.now();
    const newest = newestOf(came);
    const beats = [...newest.values()].map(({ beat }) => beat);
    const { before, standing, woken } = await db.transaction(async (tx) => {
      const ids = beats.map(({ providerId }) => providerId);
      const before = new Map((await lockLastBeats(tx, ids)).map((row) => [row.providerId, row]));
      const standing = await writeBeats(tx, beats);
      const news = beats.flatMap((beat) =>
        standing.get(beat.providerId)?.taken ? newsOf(before.get(beat.providerId), beat) : [],
      );
      return { before, standing, woken: await wakeByNews(tx, news, now) };
    });
    await Promise.all(woken.map((id) => queue.ring("execution.reconcile", { id })));
    const taken = came.filter((one) => newest.get(one.beat.providerId) === one);
    const altered = await whoAltered(db, taken, standing);
    for (const one of came) {
      const { providerId } = one.beat;
      const known = standing.get(providerId);
      if (!known) one.reject(new AppError("not-found", "the provider does not exist"));
      else if (known.admission === "removed") one.reject(removed(known));
      else if (newest.get(providerId) !== one || !known.taken)
        one.reject(new AppError("stale-sequence", "a newer beat of this provider was taken before"));
      else
        one.resolve({
          standing: known,
          altered: altered.has(providerId),
          twoAgents: speaksAgain(before.get(providerId), one.beat),
        });
    }
  } catch (error) {
    for (const one of came) one.reject(error);
  }
}

function newestOf(came: readonly Waiting[]): Map<ProviderId, Waiting> {
  const newest = new Map<ProviderId, Waiting>();
  for (const one of came) {
    const other = newest.get(one.beat.providerId);
    if (!other || one.beat.seq > other.beat.seq) newest.set(one.beat.providerId, one);
  }
  return newest;
}

function removed({ admissionReason }: Standing): AppError {
  const why = admissionReason === "" ? "" : ` (${admissionReason})`;
  return new AppError(
    "forbidden",
    `This machine was removed from the broker${why}. Uninstall the agent, or enrol the machine anew with a key of its own.`,
  );
}

/** Machines whose rows say something else than their report. Only reports that are new to this process are read for it. */
async function whoAltered(
  db: Db,
  taken: readonly Waiting[],
  standing: ReadonlyMap<ProviderId, Standing>,
): Promise<Set<ProviderId>> {
  const asked = taken.flatMap(({ beat: { providerId }, facts }) => {
    const known = standing.get(providerId);
    if (!facts || !known?.taken) return [];
    const digest = digestOf(facts);
    return isKnown(db, providerId, known.version, digest) ? [] : [{ facts, digest, ...known }];
  });
  const altered = new Set<ProviderId>();
  if (asked.length === 0) return altered;
  const ids = asked.map(({ id }) => id);
  const rows = new Map((await providersByIds(db, ids)).map((row) => [row.id, row]));
  const gpus = new Map<ProviderId, GpuRow[]>();
  for (const gpu of await gpusOf(db, ids)) gpus.set(gpu.providerId, [...(gpus.get(gpu.providerId) ?? []), gpu]);
  for (const { id, version, digest, facts } of asked) {
    const row = rows.get(id);
    if (!row) continue;
    if (changesAnything(inventoryChanges(row, gpus.get(id) ?? [], facts.machine, facts.agentVersion))) altered.add(id);
    else remember(db, id, version, digest);
  }
  return altered;
}

/** A, B, A: an agent that was restarted never speaks again, so two of them share the machine's identity. */
export function speaksAgain(before: Pick<LastBeat, "instance" | "instanceBefore"> | undefined, beat: Beat): boolean {
  const { instance } = beat;
  return instance !== "" && before?.instance !== instance && before?.instanceBefore === instance;
}

/**
 * What a report tells that the one before did not: executions that came, went or changed; and, where it acts on another
 * desired set than before, everything it leaves out. Most beats tell nothing.
 */
export function newsOf(before: Pick<LastBeat, "report" | "reportedGeneration"> | undefined, beat: Beat): News[] {
  const [then, now] = [executionsIn(before?.report), executionsIn(beat.report)];
  const changed = [...new Set([...then.keys(), ...now.keys()])].filter((id) => then.get(id) !== now.get(id));
  const moved = before?.reportedGeneration !== beat.reportedGeneration;
  if (changed.length === 0 && !moved) return [];
  const started = startedIn(beat.report).filter(({ id }) => changed.includes(id));
  return [{ providerId: beat.providerId, changed, reported: moved ? [...now.keys()] : null, started }];
}

/** Batch executions that a report says run. */
function startedIn(report: unknown): Started[] {
  const reports = Array.isArray(report) ? report : [];
  return reports.flatMap((item: unknown) => {
    const { data } = ExecutionReport.safeParse(item);
    return data?.state === "running" && isId("exec", data.id) ? [{ id: data.id, at: data.started_at }] : [];
  });
}

/** Each execution of a report as one comparable text; the database gives keys back in an order of its own. */
function executionsIn(report: unknown): Map<ExecutionId, string> {
  const all = new Map<ExecutionId, string>();
  if (!Array.isArray(report)) return all;
  for (const item of report) {
    const id: unknown = item?.id;
    if (typeof id === "string" && isId("exec", id)) all.set(id, JSON.stringify(Object.entries(item).sort()));
  }
  return all;
}
