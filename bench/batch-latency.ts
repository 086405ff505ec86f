// A demo as `npm run up` makes it, with nothing else to do: how long from a submit to the verdict, and where it goes.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fullName } from "../agent/runtimes/docker/image.ts";
import { buildChanged } from "../scripts/build.ts";
import { type Customer, Journal, newCustomer } from "../scripts/faults/customers.ts";
import { up } from "../scripts/up/up.ts";
import { heard } from "./heard.ts";
import { summary, times } from "./measure.ts";

/** `docker`: in containers, of the engine at DOCKER_HOST or else of a Podman of the benchmark's own. */
const CONTAINERS = process.env.BENCH_LATENCY_RUNTIME === "docker";
const IMAGE = process.env.BENCH_LATENCY_IMAGE ?? "alpine";
const JOBS = Number(process.env.BENCH_LATENCY_JOBS ?? 200);
const WARM_UP = 10;
const JOBS_OF_AN_ACCOUNT = 50;
const BAR_MS = 2_000;
const GOAL_MS = 500;
const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** In the order in which they come, each from the one before but for the last. */
const STEPS = [
  "POST answered",
  "POST sent → written",
  "written → given out (`dispatched`)",
  "given out → both agents have started it",
  "started → both results taken, with the verdict (`verified`)",
  "verdict written → heard in the event stream",
  "**submit → verdict heard**",
] as const;

/** @param onEnd keeps what takes everything back, for a run that is interrupted */
export async function benchBatchLatency(onEnd: (close: () => Promise<void>) => void): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), "berth-bench-latency-"));
  const leaving = new AbortController();
  const engine = CONTAINERS ? await openEngine() : undefined;
  const { PATH, HOME, LANG } = process.env;
  const berth = await up(
    { port: undefined, dataDir, reset: false, demo: true },
    {
      root: ROOT,
      env: { NODE_ENV: "production", PATH, HOME, LANG },
      ...(engine ? { dockerHost: engine.address } : {}),
      build: buildChanged,
      tell: (sentence) => process.stderr.write(`${sentence}\n`),
      leaving: leaving.signal,
      forced: new AbortController().signal,
    },
  ).catch(async (error: unknown) => {
    await engine?.close();
    throw error;
  });
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= berth
      .stop()
      .then(() => engine?.close())
      .then(() => rm(dataDir, { recursive: true, force: true }));
    return closed;
  };
  onEnd(close);
  try {
    const all: (readonly number[])[] = [];
    let customer = await newCustomer(berth.url, new Journal());
    for (let n = -WARM_UP; n < JOBS; n++) {
      if (n > 0 && n % JOBS_OF_AN_ACCOUNT === 0) customer = await newCustomer(berth.url, new Journal());
      const took = await throughOne(berth.url, customer);
      if (n >= 0) all.push(took);
    }
    return told(all);
  } finally {
    await close();
  }
}

interface BenchEngine {
  readonly address: string;
  close(): Promise<void>;
}

/** Its own Podman has busybox under the image's name, so that no registry is asked. */
async function openEngine(): Promise<BenchEngine> {
  const given = process.env.DOCKER_HOST;
  if (given) return { address: given, close: async () => {} };
  const { busybox, openStand } = await import("../agent/runtimes/docker/testing.ts");
  const { whyNoEngine } = await import("../agent/runtimes/docker/testing-engines.ts"); // looks for one
  if (whyNoEngine !== undefined) throw new Error(`DOCKER_HOST names no container engine, and ${whyNoEngine}`);
  const stand = await openStand();
  stand.image(fullName(IMAGE), [], busybox);
  return { address: `unix://${stand.socket}`, close: () => stand.close() };
}

/** @returns milliseconds by `STEPS` */
async function throughOne(url: string, { client, token }: Customer): Promise<readonly number[]> {
  const sentAt = Date.now();
  const { id } = await client.createJob({
    idempotencyKey: crypto.randomUUID(),
    body: {
      ...{ kind: "batch", name: "latency", docker_image: IMAGE, command: ["sh", "-c", "echo hello | sha256sum"] },
      timeout_seconds: 30,
    },
  });
  const answeredAt = Date.now();
  await heard(url, token, id, (code) => code === "verified");
  const heardAt = Date.now();
  const { events } = await client.listJobEvents({ params: { id }, query: {} });
  const { executions } = await client.listJobExecutions({ params: { id } });
  const at = (code: string) => Date.parse(events.find((event) => event.code === code)?.at ?? "");
  const ran = executions.filter(({ vote }) => vote !== null);
  const startedAt = Math.max(...ran.map(({ started_at: started }) => Date.parse(started ?? "")));
  return [
    answeredAt - sentAt,
    at("submitted") - sentAt,
    at("dispatched") - at("submitted"),
    startedAt - at("dispatched"),
    at("verified") - startedAt,
    heardAt - at("verified"),
    heardAt - sentAt,
  ];
}

function told(all: readonly (readonly number[])[]): string {
  const of = (step: number) => all.map((took) => took[step] ?? Number.NaN);
  const { p95Ms } = summary(of(STEPS.length - 1), 1);
  const met = p95Ms < GOAL_MS ? "goal met" : p95Ms < BAR_MS ? `bar met, goal < ${GOAL_MS} ms missed` : "bar missed";
  return [
    `| ${all.length} × \`echo hello \\| sha256sum\`, one after another: web, worker, five agents with ${CONTAINERS ? "containers" : "plain processes"} | time |`,
    "| --- | --- |",
    ...STEPS.map((step, index) => `| ${step} | ${times(summary(of(index), 1))}, max ${Math.max(...of(index))} ms |`),
    "",
    "| bar | this run |",
    "| --- | --- |",
    `| noop batch job, submit → verdict, idle demo: p95 < ${BAR_MS} ms | ${Math.round(p95Ms)} ms: ${met} |`,
  ].join("\n");
}
