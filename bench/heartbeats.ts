// What ten thousand providers cost: their signed beats at the pace they really come, a thousand of them held as long
// polls, wakes among those, and the CPU time of web and database meanwhile, beside a bare echo at the same pace.
import { createHash, sign } from "node:crypto";
import { sql } from "drizzle-orm";
import type { ExecutionId, ProviderId } from "../domain/ids.ts";
import type { Heartbeat } from "../protocol/agent.ts";
import { HeartbeatAnswer, SIGNATURE_HEADERS, signedText } from "../protocol/agent.ts";
import type { Deps } from "../server/deps.ts";
import { dropDesired, putDesired } from "../server/repos/desired.ts";
import type { BenchPostgres } from "./database.ts";
import { HttpClient } from "./http-client.ts";
import { latencyRow, type Row, summary } from "./measure.ts";
import { MACHINE, type SeededProvider, seedProviders } from "./seed.ts";
import type { BenchServer } from "./server-process.ts";

const PROVIDERS = 10_000;
const GPUS_EACH = 4;
const EVERY_SECONDS = 30;
/** Of the providers, so many hold a long poll all the time. */
const POLLERS = 1_000;
const WAIT_SECONDS = 25;
const MEASURED_SECONDS = 40;
const ECHOED_SECONDS = 15;
/** Every provider beats once before anything is measured, as fast as this. */
const WARM_UP_PER_SECOND = 700;
const WAKE_EVERY_MS = 200;
const CONNECTIONS = 256;

export interface Heartbeats {
  readonly rows: Row[];
  /** what ten thousand providers cost, in words */
  readonly note: string;
}

export async function benchHeartbeats(
  deps: Deps,
  postgres: BenchPostgres,
  wire: BenchServer,
  echo: BenchServer,
): Promise<Heartbeats> {
  const seeded = await seedProviders(deps, PROVIDERS, GPUS_EACH, { offers: false });
  await deps.db.execute(sql`vacuum analyze`);
  const machines = seeded.map((one) => new Machine(one));
  const [pollers, others] = [machines.slice(0, POLLERS), machines.slice(POLLERS)];
  const clients = { beats: new HttpClient(wire.port, CONNECTIONS), polls: new HttpClient(wire.port, POLLERS) };
  await paced(machines, WARM_UP_PER_SECOND, PROVIDERS, (machine) => machine.beat(clients.beats, 0));

  const over = new AbortController();
  // Begun a millisecond apart, the first ones ending at another second each: a fleet's polls do not end all at once.
  const polls = pollers.map((machine, n) =>
    held(sleep(n).then(() => machine.pollUntil(clients.polls, over.signal, 1 + (n % WAIT_SECONDS)))),
  );
  await sleep(3_000); // the pollers have settled into their polls
  const look = async () => ({
    web: await wire.cpuSeconds(),
    database: await postgres.cpuSeconds(),
    beats: beatsOf(machines),
  });
  const before = await look();
  const waking = held(wakeSome(deps, pollers, over.signal));
  const pace = others.length / EVERY_SECONDS;
  const tookMs = await paced(others, pace, MEASURED_SECONDS * pace, (machine) => machine.beat(clients.beats, 0));
  const after = await look();
  over.abort();
  clients.polls.close();
  const woken = await waking;
  await Promise.all(polls);
  clients.beats.close();

  const echoClient = new HttpClient(echo.port, CONNECTIONS);
  const echoPace = PROVIDERS / EVERY_SECONDS;
  await paced(machines, echoPace, 2 * echoPace, (machine) => machine.echo(echoClient));
  const echoBefore = await echo.cpuSeconds();
  const echoTookMs = await paced(machines, echoPace, ECHOED_SECONDS * echoPace, (machine) => machine.echo(echoClient));
  const bare = (await echo.cpuSeconds()) - echoBefore;
  echoClient.close();

  const beats = after.beats - before.beats;
  const web = after.web - before.web;
  const database = (after.database ?? Number.NaN) - (before.database ?? Number.NaN);
  const share = (seconds: number, of = MEASURED_SECONDS) => `${((seconds / of) * 100).toFixed(1)} %`;
  const each = (seconds: number, of: number) => `${Math.round((seconds / of) * 1_000_000)} µs`;
  const echoed = summary(echoTookMs, ECHOED_SECONDS);
  const against = `a bare node:http echo of the same beats, ${Math.round(echoPace)}/s`;
  return {
    rows: [
      latencyRow(
        `signed heartbeats over HTTP, 10,000 providers every ${EVERY_SECONDS} s: answer (waits for its batch, up to 250 ms)`,
        summary(tookMs, MEASURED_SECONDS),
        against,
        echoed,
      ),
      latencyRow(
        "a change of what should run → the answer of one of 1,000 held long polls, its transaction included",
        summary(woken, MEASURED_SECONDS),
        against,
        echoed,
      ),
    ],
    note:
      `10,000 providers beating every ${EVERY_SECONDS} s, 1,000 of them held as long polls of ${WAIT_SECONDS} s, over ` +
      `${MEASURED_SECONDS} s: ${share(web + database)} of one core, web ${share(web)} and PostgreSQL ${share(database)} ` +
      `(${beats.toLocaleString("en")} beats: web ${each(web, beats)} each, PostgreSQL ${each(database, beats)}; ` +
      `${woken.length} wakes). The echo alone takes ${share(bare, ECHOED_SECONDS)} (${each(bare, echoed.count)} each).`,
  };
}

/** An agent without the machine: it signs, numbers and sends its beats, and acts on what it is answered. */
class Machine {
  readonly id: ProviderId;
  beats = 0;
  /** called with each answer's generation */
  onAnswer: (generation: number) => void = () => {};
  #seq = 1;
  #generation = 0;
  readonly #seeded: SeededProvider;
  constructor(seeded: SeededProvider) {
    this.#seeded = seeded;
    this.id = seeded.id;
  }

  async beat(client: HttpClient, waitSeconds: number): Promise<void> {
    const { path, headers, body } = this.#signed(waitSeconds);
    const answer = HeartbeatAnswer.parse(JSON.parse(await client.post(path, headers, body)));
    this.beats += 1;
    this.#generation = answer.generation;
    this.onAnswer(answer.generation);
  }

  /** @param firstWait of the first poll, in seconds */
  async pollUntil(client: HttpClient, over: AbortSignal, firstWait: number): Promise<void> {
    for (let waitSeconds = firstWait; !over.aborted; waitSeconds = WAIT_SECONDS) {
      try {
        await this.beat(client, waitSeconds);
      } catch (error) {
        if (!over.aborted) throw error;
      }
    }
  }

  async echo(client: HttpClient): Promise<void> {
    const { path, headers, body } = this.#signed(0);
    await client.post(path, headers, body);
  }

  #signed(waitSeconds: number) {
    const { id, hostname, gpus, privateKey } = this.#seeded;
    const seq = ++this.#seq;
    const beat: Heartbeat = {
      seq,
      agent_version: "bench",
      instance: "0".repeat(32),
      machine: {
        hostname,
        os: MACHINE.os,
        architecture: MACHINE.architecture,
        cpu_model: MACHINE.cpuModel,
        cpu_cores: MACHINE.cpuCores,
        memory_mb: MACHINE.memoryGb * 1024,
        disk_gb: MACHINE.diskGb,
        gpus: gpus.map(({ uuid, model, vramMb }, index) => ({ index, uuid, model, vram_mb: vramMb, declared: true })),
        runtime: "process",
        sandboxed: true,
      },
      usage: {
        cpu_percent: 12.5,
        memory_used_mb: 20_000 + seq,
        gpus: gpus.map(({ uuid }) => ({ uuid, utilization_percent: 97, memory_used_mb: 20_000 })),
      },
      executions: [],
      generation: this.#generation,
    };
    const path = `/api/v1/providers/${id}/heartbeat?wait=${waitSeconds}`;
    const body = JSON.stringify(beat);
    const time = new Date().toISOString();
    const text = signedText("POST", path, time, seq, createHash("sha256").update(body).digest("hex"));
    const headers = {
      [SIGNATURE_HEADERS.time]: time,
      [SIGNATURE_HEADERS.sequence]: String(seq),
      [SIGNATURE_HEADERS.signature]: sign(null, Buffer.from(text), privateKey).toString("base64"),
    };
    return { path, headers, body };
  }
}

/** Sends `count` pieces at a steady pace, one machine after the other, however long each takes. @returns ms of each */
async function paced(
  machines: readonly Machine[],
  perSecond: number,
  count: number,
  send: (machine: Machine) => Promise<void>,
): Promise<number[]> {
  const startedAtMs = performance.now();
  const tookMs: number[] = [];
  const sent: Promise<void>[] = [];
  for (let piece = 0; piece < count; piece++) {
    const dueMs = startedAtMs + (piece * 1000) / perSecond - performance.now();
    if (dueMs > 1) await sleep(dueMs);
    const machine = machines[piece % machines.length];
    if (!machine) break;
    const sentAtMs = performance.now();
    sent.push(held(send(machine).then(() => void tookMs.push(performance.now() - sentAtMs))));
  }
  await Promise.all(sent);
  return tookMs;
}

/** Changes what should run on one poller after the other. @returns ms from before the change to the answer of each */
async function wakeSome({ db, secrets }: Deps, pollers: readonly Machine[], over: AbortSignal): Promise<number[]> {
  const tookMs: number[] = [];
  const sealedSpec = secrets.seal(JSON.stringify(SPEC));
  for (let n = 0; !over.aborted; n++) {
    const machine = pollers[(n * 7) % pollers.length];
    if (!machine) break;
    const executionId: ExecutionId = `exec_${String(n % pollers.length).padStart(26, "0")}`;
    const startedAtMs = performance.now();
    const answered = new Promise<void>((resolve) => {
      machine.onAnswer = () => resolve();
    });
    await db.transaction((tx) =>
      Math.floor(n / pollers.length) % 2 === 0
        ? putDesired(tx, { executionId, providerId: machine.id, sealedSpec })
        : dropDesired(tx, executionId),
    );
    await Promise.race([answered, sleep(WAIT_SECONDS * 1000)]);
    if (over.aborted) break;
    tookMs.push(performance.now() - startedAtMs);
    await sleep(WAKE_EVERY_MS);
  }
  return tookMs;
}

const SPEC = {
  ...{ id: "exec_00000000000000000000000000", jobId: "job_00000000000000000000000000", providerId: "prov_0" },
  ...{ kind: "rental", image: "ubuntu", cpuCores: 4, memoryMb: 16_384, diskGb: 50, gpuUuids: ["GPU-0-0"] },
  ...{ env: { A: "1" }, sshPublicKeys: ["ssh-ed25519 AAAA"], sshHostKey: "x".repeat(400) },
  deadline: "2030-01-01T00:00:00.000Z",
};

/** A failure waits for whoever awaits it: unheard, it would end this process and leave the servers behind. */
function held<T>(work: Promise<T>): Promise<T> {
  work.catch(() => {});
  return work;
}

const beatsOf = (machines: readonly Machine[]) => machines.reduce((sum, { beats }) => sum + beats, 0);
const sleep = (ms: number) => new Promise<void>((wake) => setTimeout(wake, ms));
