// Beats of many machines, written together: one statement set for all that came within a quarter of a second.
import { AppError } from "../../../domain/errors.ts";
import { type ExecutionId, isId, type ProviderId } from "../../../domain/ids.ts";
import type { Db, Deps } from "../../deps.ts";
import { type GpuRow, gpusOf } from "../../repos/gpus.ts";
import { type Beat, lockPresence, type News, type PresenceRow, wakeByNews, writeBeats } from "../../repos/presence.ts";
import { type ProviderRow, providersByIds } from "../../repos/providers.ts";

/** A batch leaves at once where none left within this time. */
const FLUSH_EVERY_MS = 250;
const MOST_AT_ONCE = 2000;

type BatchDeps = Pick<Deps, "db" | "clock" | "queue">;

/** A provider as it stood right after its beat was taken. */
export interface Taken {
  readonly provider: ProviderRow;
  readonly gpus: readonly GpuRow[];
}

interface Waiting {
  readonly beat: Beat;
  readonly resolve: (taken: Taken) => void;
  readonly reject: (error: unknown) => void;
}

type Batch = (beat: Beat) => Promise<Taken>;

/** One batch a process and database. It holds nothing that matters: a beat that is lost with it comes again. */
const batches = new WeakMap<Db, Batch>();

/** @throws AppError `stale-sequence` where a newer beat was taken before, `not-found` where there is no such provider */
export function takeBeat(deps: BatchDeps, beat: Beat): Promise<Taken> {
  const batch = batches.get(deps.db) ?? openBatch(deps);
  batches.set(deps.db, batch);
  return batch(beat);
}

function openBatch(deps: BatchDeps): Batch {
  const waiting: Waiting[] = [];
  let flushing = false;
  let lastFlushMs = Number.NEGATIVE_INFINITY;

  async function flushAll(): Promise<void> {
    flushing = true;
    while (waiting.length > 0) {
      const restMs = lastFlushMs + FLUSH_EVERY_MS - performance.now();
      if (restMs > 0) await new Promise((resolve) => setTimeout(resolve, restMs));
      lastFlushMs = performance.now();
      await flush(deps, waiting.splice(0, MOST_AT_ONCE));
    }
    flushing = false;
  }

  return (beat) =>
    new Promise((resolve, reject) => {
      waiting.push({ beat, resolve, reject });
      if (!flushing) void flushAll();
    });
}

/** Writes what came, and answers everyone. It never throws: each waiting beat gets its own end. */
async function flush({ db, clock, queue }: BatchDeps, came: readonly Waiting[]): Promise<void> {
  try {
    const now = clock.now();
    const newest = newestOf(came);
    const beats = [...newest.values()].map(({ beat }) => beat);
    const { taken, woken } = await db.transaction(async (tx) => {
      const ids = beats.map(({ providerId }) => providerId);
      const before = new Map((await lockPresence(tx, ids)).map((row) => [row.providerId, row]));
      const written = await writeBeats(tx, beats);
      const news = beats.flatMap((beat) =>
        written.has(beat.providerId) ? newsOf(before.get(beat.providerId), beat) : [],
      );
      return { taken: written, woken: await wakeByNews(tx, news, now) };
    });
    await Promise.all(woken.map((id) => queue.ring("execution.reconcile", { id })));
    const state = await readProviders(
      db,
      beats.map(({ providerId }) => providerId),
    );
    for (const one of came) {
      const { providerId } = one.beat;
      const known = state.get(providerId);
      if (!known) one.reject(new AppError("not-found", "the provider does not exist"));
      else if (newest.get(providerId) === one && taken.has(providerId)) one.resolve(known);
      else one.reject(new AppError("stale-sequence", "a newer beat of this provider was taken before"));
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

async function readProviders(db: Db, ids: readonly ProviderId[]): Promise<Map<ProviderId, Taken>> {
  const [rows, gpus] = await Promise.all([providersByIds(db, ids), gpusOf(db, ids)]);
  const state = new Map(rows.map((provider) => [provider.id, { provider, gpus: [] as GpuRow[] }]));
  for (const gpu of gpus) state.get(gpu.providerId)?.gpus.push(gpu);
  return state;
}

/**
 * What a report tells that the one before did not: executions that came, went or changed; and, where it acts on another
 * desired set than before, everything it leaves out. Most beats tell nothing.
 */
export function newsOf(before: PresenceRow | undefined, beat: Beat): News[] {
  const [then, now] = [executionsIn(before?.report), executionsIn(beat.report)];
  const changed = [...new Set([...then.keys(), ...now.keys()])].filter((id) => then.get(id) !== now.get(id));
  const moved = before?.reportedGeneration !== beat.reportedGeneration;
  if (changed.length === 0 && !moved) return [];
  return [{ providerId: beat.providerId, changed, reported: moved ? [...now.keys()] : null }];
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
