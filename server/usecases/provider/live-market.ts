// The market in memory, one for each database a process has open, brought up to date before every answer.
import type { Facets, MarketFilters } from "../../../domain/placement/facets.ts";
import { Market, type MarketTotals } from "../../../domain/search/market.ts";
import type { Db, Deps } from "../../deps.ts";
import {
  KEPT_CHANGES_MS,
  type MarketChanges,
  marketChanges,
  marketMoment,
  offersAfter,
  toMarketOffer,
} from "../../repos/market.ts";

/** Counts are at most this old; pages are never old. */
const FRESH_MS = 2_000;
/** Counts of more different questions are not kept. */
const MOST_REMEMBERED = 1_000;
/** Rows read at once: between two reads, others have their turn. */
const CHUNK = 2_000;
/** Unlooked at for longer, the market is read anew rather than caught up. Well below what the database remembers. */
const CATCHES_UP_MS = KEPT_CHANGES_MS / 2;
/** Read anew beside its use this often, so that no mistake lasts. */
const RELOAD_MS = KEPT_CHANGES_MS;

interface Held {
  readonly market: Market;
  readonly loadedAtMs: number;
  moment: string;
  caughtUpAtMs: number;
}

interface Remembered {
  readonly facets: Facets;
  readonly version: number;
  readonly atMs: number;
}

/** Monotonic: how long this process has not looked. */
const runningMs = () => performance.now();

export class LiveMarket {
  private held: Held | null = null;
  /** loaded beside the one in use; takes its place once it has caught up */
  private successor: Held | null = null;
  private loading = false;
  /** one at a time, and one that waits: it begins after everybody who waits for it has asked */
  private running: Promise<Market> | null = null;
  private next: Promise<Market> | null = null;
  /** counts the changes seen */
  private version = 0;
  private readonly remembered = new Map<string, Remembered>();
  private summed: { readonly totals: MarketTotals; readonly version: number } | null = null;

  constructor(private readonly db: Db) {}

  /** The market with everything that was committed before the call. Read it before the next `await`. */
  now(): Promise<Market> {
    if (!this.running) {
      this.running = this.catchUp().finally(() => {
        this.running = null;
      });
      return this.running;
    }
    if (!this.next) {
      const after = this.running.then(
        () => undefined,
        () => undefined,
      );
      this.next = after.then(() => {
        this.next = null;
        return this.now();
      });
    }
    return this.next;
  }

  /** Counts for a question, at most two seconds old. Call it right after `now()`. */
  facets(filters: MarketFilters, now: Date): Facets {
    const market = this.held?.market;
    if (!market) throw new Error("the market was not read yet");
    const key = JSON.stringify(Object.entries(filters).sort(), (_, value) =>
      typeof value === "bigint" ? `${value}` : value,
    );
    const known = this.remembered.get(key);
    const young = known && Math.abs(now.getTime() - known.atMs) < FRESH_MS;
    // Time alone changes only what depends on it.
    if (known && (young || (known.version === this.version && filters.hours === undefined))) return known.facets;
    const facets = market.facets(filters, now.getTime());
    if (this.remembered.size >= MOST_REMEMBERED) this.remembered.clear();
    this.remembered.set(key, { facets, version: this.version, atMs: now.getTime() });
    return facets;
  }

  /** Sums over everything. Call it right after `now()`. */
  totals(market: Market): MarketTotals {
    if (this.summed?.version !== this.version) this.summed = { totals: market.totals(), version: this.version };
    return this.summed.totals;
  }

  private async catchUp(): Promise<Market> {
    const held = await this.inUse();
    const changes = await marketChanges(this.db, held.moment);
    if (!changes.emptied) return this.apply(held, changes);
    this.held = await this.load();
    this.version++;
    return this.held.market;
  }

  private async inUse(): Promise<Held> {
    if (this.successor) {
      this.held = this.successor;
      this.successor = null;
      this.version++;
    }
    const held = this.held;
    if (!held || runningMs() - held.caughtUpAtMs > CATCHES_UP_MS) {
      this.held = await this.load();
      this.version++;
      return this.held;
    }
    if (runningMs() - held.loadedAtMs > RELOAD_MS && !this.loading) void this.loadSuccessor();
    return held;
  }

  private apply(held: Held, { changed, moment }: MarketChanges): Market {
    for (const [providerId, rows] of changed) {
      held.market.removeProvider(providerId);
      for (const row of rows) held.market.add(toMarketOffer(row));
    }
    if (changed.size > 0) this.version++;
    held.moment = moment;
    held.caughtUpAtMs = runningMs();
    return held.market;
  }

  /** What changes while it reads, the next catching up sees: the moment is that of the beginning. */
  private async load(): Promise<Held> {
    const moment = await marketMoment(this.db);
    const loadedAtMs = runningMs();
    const market = new Market();
    let rows = await offersAfter(this.db, null, CHUNK);
    while (rows.length > 0) {
      for (const row of rows) market.add(toMarketOffer(row));
      const last = rows.at(-1);
      rows = last && rows.length === CHUNK ? await offersAfter(this.db, last, CHUNK) : [];
    }
    return { market, loadedAtMs, moment, caughtUpAtMs: loadedAtMs };
  }

  private async loadSuccessor(): Promise<void> {
    this.loading = true;
    try {
      this.successor = await this.load();
    } catch {
      // The one in use goes on; the next look tries again.
    } finally {
      this.loading = false;
    }
  }
}

const markets = new WeakMap<Db, LiveMarket>();

export function liveMarket({ db }: Pick<Deps, "db">): LiveMarket {
  const known = markets.get(db);
  if (known) return known;
  const live = new LiveMarket(db);
  markets.set(db, live);
  return live;
}
