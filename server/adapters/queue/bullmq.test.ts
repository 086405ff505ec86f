// What a doorbell must do, wherever its rings are kept: the same tests on a real PostgreSQL and on a real Redis.
import { Redis } from "ioredis";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { formatId } from "../../../domain/ids.ts";
import type { Log } from "../../deps.ts";
import { testDatabase } from "../../testing/database.ts";
import { testRedis } from "../../testing/redis.ts";
import { backingOf, openQueue, type RingQueue, runRings } from "./bullmq.ts";

/** Where rings are kept, as a test sees it. */
interface Store {
  readonly backing: { readonly databaseUrl: string } | { readonly redisUrl: string };
  /** Cuts every connection and refuses new ones while `work` runs. */
  away(work: () => Promise<void>): Promise<void>;
  /** What a SIGKILL leaves behind: the ring is active, under a lock nobody renews. */
  strand(): Promise<void>;
  close(): Promise<void>;
}

const stores: Record<string, () => Promise<Store>> = { PostgreSQL: onPostgres, Redis: onRedis };

test("rings are kept in Redis where there is one", () => {
  const databaseUrl = "postgres://db";
  expect(backingOf({ databaseUrl, redisUrl: null })).toEqual({ databaseUrl });
  expect(backingOf({ databaseUrl, redisUrl: "redis://r" })).toEqual({ redisUrl: "redis://r" });
});

describe.each(Object.keys(stores))("on %s", (name) => {
  let store: Store;
  let queue: RingQueue;
  let answered: string[];
  let answer: (id: string) => Promise<void>;
  let rings: { close(): Promise<void> } | undefined;
  let warnings: string[];
  let failures: number;
  let lost: number;

  const log: Log = {
    info: () => {},
    warn: (_, message) => void warnings.push(message),
    error: (_, message) => void warnings.push(message),
  };
  const id = (n: number) => formatId("exec", n, new Uint8Array(10));
  const pause = (ms: number) => new Promise<void>((wake) => setTimeout(wake, ms));
  /** Generous: the machine may be busy with much else. */
  const soon = (check: () => unknown) => vi.waitFor(check, { timeout: 20_000, interval: 20 });
  /** Rings that wait, and those that are kept behind one that runs, are answered by then. */
  const quiet = () => soon(async () => expect(await queue.counts()).toMatchObject({ waiting: 0, active: 0 }));
  /** What a processor waits for until a test opens it. */
  function gate() {
    let open = () => {};
    const opened = new Promise<void>((wake) => {
      open = wake;
    });
    return { open: () => open(), opened };
  }
  const open = () => openQueue({ ...store.backing, log, onLost: () => void lost++ });

  function startRings(concurrency = 4) {
    rings = runRings({
      ...store.backing,
      concurrency,
      deps: null,
      log,
      processors: {
        "node.reconcile": async () => {},
        "batch.dispatch": async () => {},
        "batch.pods": async () => {},
        "execution.reconcile": async (_, payload) => {
          answered.push(payload.id);
          await answer(payload.id);
        },
      },
      onDone: (_name, _seconds, outcome) => {
        if (outcome === "failed") failures += 1;
      },
    });
  }

  beforeAll(async () => {
    const opening = stores[name];
    if (!opening) throw new Error(`no store ${name}`);
    store = await opening();
  });
  afterAll(() => store?.close());
  beforeEach(() => {
    answered = [];
    warnings = [];
    failures = 0;
    lost = 0;
    answer = async () => {};
    queue = open();
  });
  afterEach(async () => {
    answer = async () => {};
    // A last ring of this test, kept behind one that ran, is not to be answered in the next one.
    if (rings) await quiet();
    await rings?.close();
    rings = undefined;
    await queue.close();
  });

  test("a ring reaches its processor, once", async () => {
    startRings();
    await queue.ring("execution.reconcile", { id: id(1) });
    await soon(() => expect(answered).toEqual([id(1)]));
    await quiet();
    await pause(300);
    expect(answered).toEqual([id(1)]);
    expect(await queue.counts()).toEqual({ waiting: 0, active: 0, failed: 0 });
  });

  test("twins that wait are one ring, others are not", async () => {
    for (let twin = 0; twin < 5; twin++) await queue.ring("execution.reconcile", { id: id(1) });
    await queue.ring("execution.reconcile", { id: id(2) });
    expect(await queue.counts()).toMatchObject({ waiting: 2 });
    startRings();
    await soon(() => expect(answered).toHaveLength(2));
    await pause(300);
    expect(answered.sort()).toEqual([id(1), id(2)]);
  });

  test("of many twins rung at once none is left unanswered: a run begins after each", async () => {
    let written = 0;
    let seen = 0;
    answer = async () => {
      seen = Math.max(seen, written);
    };
    startRings();
    for (let wave = 0; wave < 10; wave++) {
      await Promise.all(
        Array.from({ length: 20 }, async (_, twin) => {
          await pause(twin % 4);
          written += 1;
          await queue.ring("execution.reconcile", { id: id(1) });
        }),
      );
      await soon(() => expect(seen).toBe(written));
    }
  });

  test("rings during a run lead to exactly one more run, after it, never beside it", async () => {
    let running = 0;
    let together = 0;
    const first = gate();
    answer = async () => {
      running += 1;
      together = Math.max(together, running);
      await first.opened;
      await pause(250);
      running -= 1;
    };
    startRings();
    await queue.ring("execution.reconcile", { id: id(1) });
    await soon(() => expect(answered).toHaveLength(1));
    for (let twin = 0; twin < 5; twin++) await queue.ring("execution.reconcile", { id: id(1) });
    first.open();
    await soon(() => expect(answered).toHaveLength(2));
    await quiet();
    await pause(400);
    expect(answered).toHaveLength(2);
    expect(together).toBe(1);
  });

  test("a ring that fails is logged and counted, not tried again, and the next one is answered", async () => {
    answer = async () => {
      throw new Error("no");
    };
    startRings();
    await queue.ring("execution.reconcile", { id: id(1) });
    await soon(() => expect(failures).toBe(1));
    await pause(500);
    expect(answered).toHaveLength(1);
    expect(warnings).toEqual(["a ring failed; the sweep is its retry"]);
    await queue.ring("execution.reconcile", { id: id(1) });
    await soon(() => expect(answered).toHaveLength(2));
  });

  test("a ring during a run that fails is not lost with it", async () => {
    const first = gate();
    answer = async () => {
      await first.opened;
      if (answered.length === 1) throw new Error("no");
    };
    startRings();
    await queue.ring("execution.reconcile", { id: id(1) });
    await soon(() => expect(answered).toHaveLength(1));
    await queue.ring("execution.reconcile", { id: id(1) });
    first.open();
    await soon(() => expect(answered).toHaveLength(2));
  });

  test("a slow ring holds up no other", async () => {
    const slow = gate();
    answer = (which) => (which === id(1) ? slow.opened : Promise.resolve());
    startRings(2);
    await queue.ring("execution.reconcile", { id: id(1) });
    await soon(() => expect(answered).toHaveLength(1));
    for (let n = 2; n < 12; n++) await queue.ring("execution.reconcile", { id: id(n) });
    await soon(() => expect(answered).toHaveLength(11));
    slow.open();
  });

  test("a ring whose worker was killed is answered again within seconds", async () => {
    await queue.ring("execution.reconcile", { id: id(1) });
    await store.strand();
    startRings();
    await queue.ring("execution.reconcile", { id: id(1) });
    await soon(() => expect(answered.length).toBeGreaterThanOrEqual(1));
  });

  test("closing waits for the ring that runs", async () => {
    let finished = false;
    answer = async () => {
      await pause(300);
      finished = true;
    };
    startRings();
    await queue.ring("execution.reconcile", { id: id(1) });
    await soon(() => expect(answered).toHaveLength(1));
    await rings?.close();
    rings = undefined;
    expect(finished).toBe(true);
  });

  test("a store that goes away costs a ring, not the caller; once it is back, rings flow", async () => {
    startRings();
    await queue.ring("execution.reconcile", { id: id(1) });
    await soon(() => expect(answered).toEqual([id(1)]));
    await store.away(async () => {
      const startedAtMs = performance.now();
      await queue.ring("execution.reconcile", { id: id(2) });
      expect(performance.now() - startedAtMs).toBeLessThan(8_000);
      expect(warnings).toContain("a ring was lost; the sweep will make up for it");
      expect(lost).toBe(1);
      await pause(1_000);
    });
    await soon(async () => {
      await queue.ring("execution.reconcile", { id: id(3) });
      await pause(250);
      expect(answered).toContain(id(3));
    });
  });

  test("opened while the store is away, queue and rings work once it is back", async () => {
    await queue.close();
    await store.away(async () => {
      queue = open();
      startRings();
      await queue.ring("execution.reconcile", { id: id(1) });
      await pause(500);
    });
    await soon(async () => {
      await queue.ring("execution.reconcile", { id: id(2) });
      await pause(250);
      expect(answered).toContain(id(2));
    });
  });

  test("rings that wait for a store that never comes are closed at once", async () => {
    await store.away(async () => {
      startRings();
      await pause(300);
      await rings?.close();
      rings = undefined;
    });
  });
});

async function onPostgres(): Promise<Store> {
  const database = await testDatabase();
  const name = new URL(database.url).pathname.slice(1);
  const elsewhere = new URL(database.url);
  elsewhere.pathname = "/postgres";
  return {
    backing: { databaseUrl: database.url },
    async away(work) {
      const sql = postgres(elsewhere.href, { max: 1 });
      try {
        await sql`alter database ${sql(name)} with allow_connections false`;
        await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`;
        await work();
      } finally {
        await sql`alter database ${sql(name)} with allow_connections true`; // the next tests need it, whatever this one found
        await sql.end();
      }
    },
    async strand() {
      const sql = postgres(database.url, { max: 1 });
      await sql`update bullmq.job set state = 'active', lock_token = 'killed', locked_until_ms = ${Date.now() + 3_000}`;
      await sql.end();
    },
    close: () => database.close(),
  };
}

async function onRedis(): Promise<Store> {
  const server = await testRedis();
  return {
    backing: { redisUrl: server.url },
    async away(work) {
      await server.halt("kept");
      try {
        await work();
      } finally {
        await server.resume();
      }
    },
    async strand() {
      const redis = new Redis(server.url);
      const job = await redis.lmove("bull:berth:wait", "bull:berth:active", "RIGHT", "LEFT");
      await redis.set(`bull:berth:${job}:lock`, "killed", "PX", 3_000);
      redis.disconnect();
    },
    close: () => server.stop(),
  };
}
