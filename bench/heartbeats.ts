// Heartbeats a second over HTTP, signed as agents sign them, beside a bare echo of the same requests.
import { createHash, sign } from "node:crypto";
import type { Heartbeat } from "../protocol/agent.ts";
import { SIGNATURE_HEADERS, signedText } from "../protocol/agent.ts";
import type { Deps } from "../server/deps.ts";
import type { BenchPostgres } from "./database.ts";
import { HttpClient } from "./http-client.ts";
import { type Measured, measure, type Row, rateRow } from "./measure.ts";
import { MACHINE, type SeededProvider, seedProviders } from "./seed.ts";
import type { BenchServer } from "./server-process.ts";

const PROVIDERS = 1_000;
const GPUS_EACH = 4;
const WARM_UP_ROUNDS = 2;
const ROUNDS = 15;
/** Ten thousand providers that beat every 30 s. */
const BAR_PER_SECOND = 10_000 / 30;

interface Signed {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Heartbeats {
  readonly rows: Row[];
  /** what ten thousand providers would cost, in words */
  readonly note: string;
}

export async function benchHeartbeats(
  deps: Deps,
  postgres: BenchPostgres,
  wire: BenchServer,
  echo: BenchServer,
): Promise<Heartbeats> {
  const providers = await seedProviders(deps, PROVIDERS, GPUS_EACH);
  // Signed beforehand, so that the client costs the same beside both.
  const rounds = Array.from({ length: WARM_UP_ROUNDS + ROUNDS }, (_, round) =>
    providers.map((provider) => signedBeat(provider, round + 2)),
  );
  const beats = await through(wire, rounds, async () => ({
    web: await wire.cpuSeconds(),
    database: await postgres.cpuSeconds(),
  }));
  const echoes = await through(echo, rounds, () => echo.cpuSeconds());
  const { before, after, measured } = beats;
  const perBeat = (was: number | null, is: number | null) =>
    ((is ?? Number.NaN) - (was ?? Number.NaN)) / measured.count;
  const web = perBeat(before.web, after.web);
  const database = perBeat(before.database, after.database);
  const bare = perBeat(echoes.before, echoes.after);
  const percent = (seconds: number) => `${(seconds * BAR_PER_SECOND * 100).toFixed(0)} %`;
  return {
    rows: [
      rateRow(
        `signed heartbeats over HTTP, ${PROVIDERS.toLocaleString("en")} providers at once`,
        measured,
        "a bare node:http echo of the same requests",
        echoes.measured,
      ),
    ],
    note:
      `CPU of one heartbeat: web ${micros(web)}, PostgreSQL ${micros(database)}; of one echo ${micros(bare)}. ` +
      `At 10,000 providers beating every 30 s that is ${percent(web + database)} of one core ` +
      `(web ${percent(web)}, PostgreSQL ${percent(database)}).`,
  };
}

const micros = (seconds: number) => `${Math.round(seconds * 1_000_000)} µs`;

async function through<T>(
  server: BenchServer,
  rounds: readonly (readonly Signed[])[],
  look: () => Promise<T>,
): Promise<{ before: T; after: T; measured: Measured }> {
  const client = new HttpClient(server.port, PROVIDERS);
  // One loop a provider: its beats follow each other, as an agent's do.
  const beat = (first: number) => async (_: number, loop: number, ofLoop: number) => {
    const signed = rounds[first + ofLoop]?.[loop];
    if (signed) await client.post(signed.path, signed.headers, signed.body);
  };
  await measure(PROVIDERS, { each: WARM_UP_ROUNDS }, beat(0));
  const before = await look();
  const measured = await measure(PROVIDERS, { each: ROUNDS }, beat(WARM_UP_ROUNDS));
  const after = await look();
  client.close();
  return { before, after, measured };
}

function signedBeat({ id, hostname, gpus, privateKey }: SeededProvider, seq: number): Signed {
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
    generation: 0,
  };
  const path = `/api/v1/providers/${id}/heartbeat?wait=0`;
  const body = JSON.stringify(beat);
  const time = new Date().toISOString();
  const text = signedText("POST", path, time, seq, createHash("sha256").update(body).digest("hex"));
  return {
    path,
    body,
    headers: {
      [SIGNATURE_HEADERS.time]: time,
      [SIGNATURE_HEADERS.sequence]: String(seq),
      [SIGNATURE_HEADERS.signature]: sign(null, Buffer.from(text), privateKey).toString("base64"),
    },
  };
}
