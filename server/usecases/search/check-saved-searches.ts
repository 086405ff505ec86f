// Looks at the market for everybody who saved a search, and raises an alert at the edge.
import { setImmediate } from "node:timers/promises";
import { formatMicros } from "../../../domain/money/micros.ts";
import { alertStep } from "../../../domain/search/alert.ts";
import { isAboutCores } from "../../../domain/search/market.ts";
import { readSearch } from "../../../protocol/search-text.ts";
import type { Deps } from "../../deps.ts";
import {
  forgetAlerts,
  type Looked,
  type SavedSearchRow,
  takeDueSearches,
  writeLook,
} from "../../repos/saved-searches.ts";
import { liveMarket } from "../provider/live-market.ts";

/** Shorter than the rhythm of the workers, and longer than a look takes: one worker looks at a search at a time. */
const LOOKED_AT_MS = 20_000;
const AT_ONCE = 500;
/** An alert that nobody read for so long says nothing about the market. */
const ALERTS_KEPT_MS = 30 * 86_400_000;

interface Found {
  readonly found: number;
  readonly lowestPrice: number | null;
  readonly perCore: boolean;
}

/**
 * Several workers at once share the searches between them. Equal searches are looked at once.
 * @returns how many alerts were raised
 */
export async function checkSavedSearches(deps: Pick<Deps, "db" | "clock">): Promise<number> {
  const { db, clock } = deps;
  const known = new Map<string, Found>();
  let raised = 0;
  for (;;) {
    const now = clock.now();
    const due = await takeDueSearches(db, now, new Date(now.getTime() - LOOKED_AT_MS), AT_ONCE);
    if (due.length > 0) raised += await writeLook(db, await look(deps, due, known, now), now);
    if (due.length < AT_ONCE) break;
  }
  if (raised > 0) await forgetAlerts(db, new Date(clock.now().getTime() - ALERTS_KEPT_MS));
  return raised;
}

async function look(
  deps: Pick<Deps, "db">,
  due: readonly SavedSearchRow[],
  known: Map<string, Found>,
  now: Date,
): Promise<Looked[]> {
  let market = await liveMarket(deps).now();
  for (const text of new Set(due.map(({ query }) => query))) {
    if (known.has(text)) continue;
    const { query } = readSearch(text);
    if (!query) continue; // what a newer market no longer understands finds nothing
    known.set(text, { ...market.cheapest(query, now.getTime()), perCore: isAboutCores(query) });
    await setImmediate(); // a search at a time: the market may be large, and others want their turn
    market = await liveMarket(deps).now();
  }
  return due.map((search) => lookedAt(search, known.get(search.query) ?? NOTHING));
}

const NOTHING: Found = { found: 0, lowestPrice: null, perCore: false };

function lookedAt(search: SavedSearchRow, { found, lowestPrice, perCore }: Found): Looked {
  const lowest = lowestPrice === null ? null : BigInt(lowestPrice);
  const { alerting } = alertStep(search.alerting, search.alertAtOrBelow, lowest);
  const [price, asked] = [lowest, search.alertAtOrBelow].map((micros) => formatMicros(micros ?? 0n));
  return {
    ...{ id: search.id, matches: found, lowestPrice: lowest, alerting },
    message: `${search.name}: from $${price} per ${perCore ? "core" : "GPU"} hour, at or below your $${asked}.`,
    data: { name: search.name, query: search.query, price: price ?? null, at_or_below: asked ?? null, matches: found },
  };
}
