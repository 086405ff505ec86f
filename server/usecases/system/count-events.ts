// Totals of the edges and incidents of providers, for the counters.
//
// Edges are written by use cases in whichever process happens to run them, so a counter beside the write would count
// one process and start at zero with it. The events are the record; they are what is counted, and a counter that is
// restarted tells the same total. Only codes of a catalogue are labels.
import { COUNTED_CODES, EDGES, isEdge, isIncident } from "../../../domain/provider/incidents.ts";
import type { Deps } from "../../deps.ts";
import { countByCode, newestEventId } from "../../repos/events.ts";

/** No transaction is expected to take longer: an event may become visible after one with a higher id. */
const SETTLED_AFTER_MS = 60_000;

export type EdgeTotals = Readonly<Record<"admission" | "presence" | "drain" | "incidents", Record<string, number>>>;

/**
 * A counter that remembers what it counted, so that a look reads only what is new, and the last minute again.
 * @returns the look; a look that fails changes nothing
 */
export function eventCounter(): (deps: Pick<Deps, "db" | "clock">) => Promise<EdgeTotals> {
  let settled: ReadonlyMap<string, number> = new Map();
  let settledId = 0;
  let mark: { readonly id: number; readonly atMs: number } | null = null;

  return async ({ db, clock }) => {
    const nowMs = clock.now().getTime();
    if (mark && nowMs - mark.atMs >= SETTLED_AFTER_MS) {
      const since = await countByCode(db, COUNTED_CODES, { after: settledId, upTo: mark.id });
      settled = sum(settled, since);
      settledId = mark.id;
      mark = null;
    }
    const newest = await newestEventId(db);
    mark ??= { id: newest, atMs: nowMs };
    return byEdge(sum(settled, await countByCode(db, COUNTED_CODES, { after: settledId, upTo: newest })));
  };
}

function sum(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const total = new Map(a);
  for (const [code, count] of b) total.set(code, (total.get(code) ?? 0) + count);
  return total;
}

function byEdge(totals: ReadonlyMap<string, number>): EdgeTotals {
  const told = { admission: {}, presence: {}, drain: {}, incidents: {} } satisfies EdgeTotals;
  const add = (to: Record<string, number>, label: string, count: number) => {
    to[label] = (to[label] ?? 0) + count;
  };
  for (const [code, count] of totals) {
    if (code === "provider-enrolled") add(told.admission, "enrolled", count);
    if (isEdge(code)) add(told[EDGES[code].column], EDGES[code].to, count);
    if (isIncident(code)) add(told.incidents, code, count);
  }
  return told;
}
