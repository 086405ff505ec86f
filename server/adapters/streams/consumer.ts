// One consumer of one stream: reads in batches, lets them be decided, acknowledges after the commit, and takes over from
// consumers that died. It holds nothing that matters: whatever it had is claimed by the next one.
import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../../deps.ts";
import { type Connection, openConnection } from "./connection.ts";
import { deliveries, entriesClaimed, entriesRead, type StreamEntry } from "./replies.ts";
import { settle, type Verdict } from "./settle.ts";
import { type Backlog, ensureGroup, removeConsumer, removeDeadConsumers, trimAnswered } from "./upkeep.ts";

export type { StreamEntry, Verdict };

/** What was done, for metrics. */
export interface StreamNews {
  settled(verdict: Verdict): void;
  claimed(count: number): void;
  backlog(backlog: Backlog): void;
}

export interface ConsumerTiming {
  /** how long a read waits for entries */
  readonly blockMs: number;
  /** an entry without an end for so long is taken over */
  readonly claimAfterMs: number;
  readonly claimEveryMs: number;
  readonly tidyEveryMs: number;
  /** a consumer without a sign of life for so long is removed, once it holds nothing */
  readonly deadAfterMs: number;
  readonly retryMs: number;
}

const TIMING: ConsumerTiming = {
  blockMs: 1_000,
  claimAfterMs: 15_000,
  claimEveryMs: 2_000,
  tidyEveryMs: 5_000,
  deadAfterMs: 120_000,
  retryMs: 500,
};

export interface ConsumerOptions {
  readonly redisUrl: string;
  readonly stream: string;
  readonly group: string;
  /** of this consumer; never the same for two processes */
  readonly name: string;
  /** stream of what could never be taken */
  readonly parked: string;
  readonly batch: number;
  /** Decides entries. Where it throws, none of them is acknowledged, and they come again. */
  readonly handle: (entries: readonly StreamEntry[]) => Promise<readonly Verdict[]>;
  /** Whether what `handle` needs is there: an entry that fails while it is may be at fault itself. */
  readonly healthy: () => Promise<boolean>;
  readonly log: Log;
  readonly news: StreamNews;
  readonly timing?: Partial<ConsumerTiming>;
}

const CLOSE_WITHIN_MS = 15_000;
/** Entries that came this often are handled alone, so that one that ends its worker takes no other with it. */
const ALONE_AFTER_DELIVERIES = 4;
/** An entry that failed alone this often, while all was well, is poison. */
const MOST_ATTEMPTS = 5;
const ATTEMPTS_LIVE_SECONDS = 86_400;

/** Consumes until closed. Redis may be away at the start, restart, or lose its data: it is waited for, for ever. */
export function consume(options: ConsumerOptions): { close(): Promise<void> } {
  const connection = openConnection(options.redisUrl, options.log);
  const closing = new AbortController();
  const running = new Consumer(options, connection, closing.signal).run();
  return {
    async close() {
      closing.abort();
      const late = delay(CLOSE_WITHIN_MS, undefined, { ref: false });
      await Promise.race([running, late]);
      connection.close();
    },
  };
}

class Consumer {
  readonly #timing: ConsumerTiming;
  #grouped = false;
  #claimFrom = "0-0";
  #claimAtMs = 0;
  #tidyAtMs = 0;
  /** Undecided since the last attempt failed; tried again before anything new is read. */
  #held: readonly StreamEntry[] = [];

  constructor(
    private readonly options: ConsumerOptions,
    private readonly connection: Connection,
    private readonly closing: AbortSignal,
  ) {
    this.#timing = { ...TIMING, ...options.timing };
  }

  async run(): Promise<void> {
    let failures = 0;
    while (!this.closing.aborted) {
      try {
        await this.connection.ready(this.closing);
        if (this.closing.aborted) break;
        await this.#turn();
        failures = 0;
      } catch (error) {
        if (isGroupGone(error)) this.#grouped = false;
        else if (failures++ === 0) this.options.log.warn({ stream: this.options.stream, err: error }, "a stream waits");
        await delay(this.#timing.retryMs, undefined, { signal: this.closing }).catch(() => {});
      }
    }
    const { stream, group, name } = this.options;
    await removeConsumer(this.connection.redis, stream, group, name).catch(() => {}); // the next ones see to it
  }

  async #turn(): Promise<void> {
    const { stream, group } = this.options;
    const { redis } = this.connection;
    if (!this.#grouped) await ensureGroup(redis, stream, group);
    this.#grouped = true;
    if (this.#held.length === 0) this.#held = (await this.#claim()) ?? (await this.#read());
    if (this.#held.length > 0) await this.#decide(this.#held);
    this.#held = [];
    if (Date.now() >= this.#tidyAtMs) await this.#tidy();
  }

  async #read(): Promise<StreamEntry[]> {
    const { stream, group, name, batch } = this.options;
    const reply = await this.connection.redis.call(
      ...["XREADGROUP", "GROUP", group, name, "COUNT", String(batch)],
      ...["BLOCK", String(this.#timing.blockMs), "STREAMS", stream, ">"],
    );
    return entriesRead(reply);
  }

  /** @returns null where nothing was to be taken over */
  async #claim(): Promise<StreamEntry[] | null> {
    if (Date.now() < this.#claimAtMs) return null;
    const { stream, group, name, batch, news } = this.options;
    const { redis } = this.connection;
    const min = String(this.#timing.claimAfterMs);
    const reply = await redis.call("XAUTOCLAIM", stream, group, name, min, this.#claimFrom, "COUNT", String(batch));
    const { next, claimed } = entriesClaimed(reply);
    this.#claimFrom = next;
    if (next === "0-0" && claimed.length === 0) this.#claimAtMs = Date.now() + this.#timing.claimEveryMs;
    if (claimed.length === 0) return null;
    news.claimed(claimed.length);
    return claimed;
  }

  async #decide(entries: readonly StreamEntry[]): Promise<void> {
    const { handle, healthy } = this.options;
    const delivered = await this.#deliveries(entries);
    const often = (id: string) => (delivered.get(id) ?? 1) >= ALONE_AFTER_DELIVERIES;
    const together = entries.filter(({ id }) => !often(id));
    const alone = entries.filter(({ id }) => often(id));
    if (together.length > 0) {
      try {
        await this.#settle(await handle(together), delivered);
      } catch (error) {
        if (!(await healthy())) throw error;
        alone.unshift(...together); // one of them is at fault: the others go on without it
      }
    }
    for (const entry of alone) await this.#decideAlone(entry, delivered);
  }

  async #decideAlone(entry: StreamEntry, delivered: ReadonlyMap<string, number>): Promise<void> {
    const { stream, handle, healthy, log } = this.options;
    const { redis } = this.connection;
    const key = `${stream}:attempts:${entry.id}`;
    const attempt = await redis.incr(key);
    await redis.expire(key, ATTEMPTS_LIVE_SECONDS);
    if (attempt > MOST_ATTEMPTS) {
      const park = { reason: "poison", deliveries: delivered.get(entry.id) ?? 1 };
      await this.#settle([{ id: entry.id, park }], delivered);
      await redis.del(key);
      return;
    }
    try {
      await this.#settle(await handle([entry]), delivered);
      await redis.del(key);
    } catch (error) {
      if (!(await healthy())) {
        await redis.decr(key);
        throw error;
      }
      log.error(
        { stream, entry: entry.id, attempt, err: error },
        "a message fails; it comes again, and is parked then",
      );
    }
  }

  async #settle(verdicts: readonly Verdict[], delivered: ReadonlyMap<string, number>): Promise<void> {
    const { stream, group, parked, news } = this.options;
    const counted = verdicts.map((verdict) =>
      verdict.park
        ? { ...verdict, park: { ...verdict.park, deliveries: delivered.get(verdict.id) ?? verdict.park.deliveries } }
        : verdict,
    );
    const settled = await settle(this.connection.redis, { stream, group, parked }, counted);
    for (const verdict of counted) if (settled.has(verdict.id)) news.settled(verdict);
  }

  /** How often each entry was delivered; what is read anew came once. */
  async #deliveries(entries: readonly StreamEntry[]): Promise<Map<string, number>> {
    const [first, last] = [entries[0], entries.at(-1)];
    if (!first || !last) return new Map();
    const { stream, group, name } = this.options;
    const count = String(entries.length + 1_000); // others of ours may lie in between
    return deliveries(await this.connection.redis.call("XPENDING", stream, group, first.id, last.id, count, name));
  }

  async #tidy(): Promise<void> {
    const { stream, group, name, news } = this.options;
    const { redis } = this.connection;
    news.backlog(await trimAnswered(redis, stream, group));
    await removeDeadConsumers(redis, { stream, group, name, deadAfterMs: this.#timing.deadAfterMs });
    this.#tidyAtMs = Date.now() + this.#timing.tidyEveryMs * (0.5 + Math.random());
  }
}

/** The stream or its group went with Redis' data, be it while a read waited. */
function isGroupGone(error: unknown): boolean {
  return error instanceof Error && /^(NOGROUP|UNBLOCKED|ERR no such key)/.test(error.message);
}
