// Rings a second through the queue, beside graphile-worker's plain jobs on the same PostgreSQL. Not like for like:
// a graphile job survives a crash of PostgreSQL, a ring need not, and does not wait for the disk.
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import { formatId } from "../domain/ids.ts";
import { migrateQueue, openQueue, runRings } from "../server/adapters/queue/bullmq.ts";
import type { Log } from "../server/deps.ts";
import { latencyRow, type Measured, measure, type Row, rateRow, summary } from "./measure.ts";

const RINGERS = 32;
const CONCURRENCY = 16;
const RINGS = 4_000;
const ALONE = 300;
const WARM_UP = 300;
const AGAINST = `graphile-worker's plain jobs, which are durable; ${RINGERS} adding, ${CONCURRENCY} running`;
const NO_RANDOMNESS = new Uint8Array(10);

const log: Log = {
  info: () => {},
  warn: (fields, text) => process.stderr.write(`${text} ${fields.error}\n`),
  error: () => {},
};

export async function benchRings(databaseUrl: string): Promise<Row[]> {
  await migrateQueue(databaseUrl);
  const rings = await throughRings(databaseUrl);
  const jobs = await throughGraphile(databaseUrl);
  return [
    rateRow(
      "rings through the queue, as many as go (a crash of PostgreSQL may lose some, by design)",
      rings.crowd,
      AGAINST,
      jobs.crowd,
    ),
    latencyRow(
      "ring → processor, one after the other",
      rings.alone,
      "graphile-worker's plain job likewise",
      jobs.alone,
    ),
  ];
}

async function throughRings(databaseUrl: string): Promise<Both> {
  const arrivals = new Arrivals();
  const queue = openQueue({ databaseUrl, log });
  const rings = runRings({
    databaseUrl,
    concurrency: CONCURRENCY,
    deps: null,
    log,
    processors: {
      "batch.dispatch": async () => {},
      "batch.pods": async () => {},
      "node.reconcile": async () => {},
      "execution.reconcile": async (_, { id }) => arrivals.arrived(id),
    },
  });
  const ring = (piece: number) => {
    const id = formatId("exec", piece, NO_RANDOMNESS);
    arrivals.sent(id);
    return queue.ring("execution.reconcile", { id });
  };
  const measured = await arrivals.measure(ring);
  await rings.close();
  await queue.close();
  return measured;
}

async function throughGraphile(connectionString: string): Promise<Both> {
  const arrivals = new Arrivals();
  const logger = new Logger(() => () => {});
  const utils = await makeWorkerUtils({ connectionString, logger });
  await utils.migrate();
  const runner = await run({
    connectionString,
    concurrency: CONCURRENCY,
    noHandleSignals: true,
    logger,
    taskList: { bench: async (payload) => arrivals.arrived(String(payload)) },
  });
  const add = (piece: number) => {
    arrivals.sent(String(piece));
    return utils.addJob("bench", piece);
  };
  const measured = await arrivals.measure(add);
  await runner.stop();
  await utils.release();
  return measured;
}

interface Both {
  readonly crowd: Measured;
  readonly alone: Measured;
}

/** Times each piece from when it was sent to when its processor ran. */
class Arrivals {
  private readonly sentAtMs = new Map<string, number>();
  private tookMs: number[] = [];
  private onArrival = () => {};

  sent(id: string) {
    this.sentAtMs.set(id, performance.now());
  }
  arrived(id: string) {
    this.tookMs.push(performance.now() - (this.sentAtMs.get(id) ?? Number.NaN));
    this.onArrival();
  }
  async measure(send: (piece: number) => Promise<unknown>): Promise<Both> {
    await this.through(WARM_UP, send);
    this.tookMs = [];
    const startedAtMs = performance.now();
    await this.through(RINGS, (piece) => send(WARM_UP + piece));
    const crowd = summary(this.tookMs, (performance.now() - startedAtMs) / 1000);
    this.tookMs = [];
    for (let piece = 0; piece < ALONE; piece++) await this.through(1, () => send(WARM_UP + RINGS + piece));
    return { crowd, alone: summary(this.tookMs, Number.NaN) };
  }
  private async through(count: number, send: (piece: number) => Promise<unknown>): Promise<void> {
    const all = new Promise<void>((done) => {
      const target = this.tookMs.length + count;
      this.onArrival = () => {
        if (this.tookMs.length >= target) done();
      };
    });
    await measure(RINGERS, { count }, send);
    await all;
  }
}
