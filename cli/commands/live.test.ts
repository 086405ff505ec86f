// Commands beside a broker that answers what a test says: what they write, tell and end with.
import { createServer } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { BatchExecutionView, BatchJobView } from "../../protocol/batch.ts";
import { type Io, processIo } from "../io.ts";
import { createCli } from "../program.ts";
import { watch } from "../watch.ts";
import { addAct } from "./act.ts";
import { addOutput } from "./output.ts";

const AT = "2026-06-01T12:00:00Z";
const ID = `job_${"0".repeat(26)}`;
const GONE = `job_${"1".repeat(26)}`;
const cancelled = { code: "cancelled", sentence: "You cancelled it.", fault: "customer", remedy: "", suggests: null };

function job(over: Partial<BatchJobView>): object {
  return {
    ...{ id: ID, job_id: ID, kind: "batch", name: "a", description: "", docker_image: "alpine", command: ["true"] },
    ...{ environment: {}, input_data: "", required_cpu: 1, required_memory: 1, required_gpu: false, redundancy: 3 },
    ...{ consensus: 2, status: "running", submitted_by: "", submitted_at: AT, credits_required: 1 },
    ...{ assurance: "standard", dispatch: "lazy", comparator: { kind: "exact" }, files: [], network: false },
    ...{ reusable: false, gpu_count: 0, gpu_model: null, timeout_seconds: 300, queue_timeout: 600, reason: null },
    ...{ verdict: null, waiting: null, queue_position: null, executions_count: 0, price_per_hour: "0.100000" },
    ...{ cost_so_far: "0.000000", refunded: "0.000000", held: "0.000000", created_at: AT, ...over },
  };
}

function execution(over: Partial<BatchExecutionView>): object {
  return {
    ...{ id: `exec_${"0".repeat(26)}`, job_id: ID, node_id: "n", status: "stopped", number: 1, region: "eu" },
    ...{ provider_id: "p", provider_name: "p", reputation: 100, proven: false, created_at: AT, run_ms: 1 },
    ...{ exit_code: null, end: "cancelled", detail: null, digest: null, vote: null, weight: null, files: [] },
    ...{ price_per_hour: "0.100000", cost: "0.000000", paid_by: "customer", revealed: true, ...over },
  };
}

let now: { job: object; panel: object[] };
const server = createServer(({ url = "", method }, answer) => {
  const panel = { job_id: ID, executions: now.panel, count: now.panel.length, next_cursor: null };
  const missing = { type: "about:blank", title: "Not found", status: 404, code: "not-found", detail: "", retry: false };
  const [status, body] = url.includes(GONE) ? [404, missing] : [200, url.includes("/executions") ? panel : now.job];
  if (method === "GET" && url.endsWith("/events")) return void answer.writeHead(404).end();
  answer.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
});
beforeEach(() => new Promise<void>((listening) => void server.listen(0, "127.0.0.1", listening)));
afterEach(() => {
  server.closeAllConnections();
  return new Promise<void>((closed) => void server.close(() => closed()));
});

function around(interrupted = new AbortController()) {
  const said = { out: "", err: "" };
  const io: Io = {
    ...processIo(interrupted.signal),
    ...{ terminal: false, width: Number.POSITIVE_INFINITY, env: { XDG_CONFIG_HOME: "/nowhere" } },
    write: (text) => {
      said.out += text;
    },
    tell: (line) => {
      said.err += `${line}\n`;
    },
  };
  return { io, said, interrupted };
}

async function run(args: readonly string[], { io, said } = around()) {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the broker does not listen");
  const cli = createCli(io, "0");
  addOutput(cli);
  addAct(cli);
  return { code: await cli.run([...args, "--broker", `http://127.0.0.1:${address.port}`]), ...said };
}

test("logs: only what programs wrote is on standard output, and following one that did not end well ends with 1", async () => {
  const panel = [execution({ logs: "partly\n", error_message: "It was not needed any more." })];
  now = { job: job({ status: "cancelled", reason: { ...cancelled, fault: "customer" } }), panel };
  const followed = await run(["logs", "-f", ID]);
  expect(followed).toMatchObject({ code: 1, out: "partly\n" });
  expect(followed.err).toContain("It was not needed any more.");
  expect(followed.err).toContain("cancelled. You cancelled it.");
  expect(await run(["logs", ID])).toMatchObject({ code: 0, out: "partly\n" });
});

test("logs: of a job that ended before any machine had it there are none, and that is no error", async () => {
  now = { job: job({ status: "cancelled" }), panel: [] };
  expect(await run(["logs", ID])).toEqual({ code: 0, out: "", err: "berth: no machine ran it.\n" });
  expect((await run(["logs", "-f", ID])).code).toBe(1);
});

test("logs -f: Ctrl-C before the verdict says that the job goes on, and how to read on", async () => {
  now = { job: job({}), panel: [] };
  const world = around();
  const following = run(["logs", "-f", ID], world);
  await expect.poll(() => world.said.err, { timeout: 10_000 }).toContain("running");
  world.interrupted.abort();
  const { code, err } = await following;
  expect(code).toBe(130);
  expect(err).toContain(`the job goes on; go on reading: berth logs -f ${ID}`);
});

test("stop: where one of several is refused, those stopped before it are named", async () => {
  now = { job: job({ status: "cancelled" }), panel: [] };
  const { code, out, err } = await run(["stop", ID, GONE]);
  expect([code, out]).toEqual([255, ""]);
  expect(err).toContain(`Stopped before that: ${ID}`);
});

test("watch: a file is told again only what is new, and the age of a job is not", async () => {
  const { io, said } = around();
  let looks = 0;
  const look = async () => {
    looks += 1;
    const status = looks < 3 ? "running" : "completed";
    return { answer: { data: { status }, names: [], text: () => `${status} ${looks}s\n` }, over: looks === 3 };
  };
  expect(await watch(io, {}, look)).toBe(0);
  expect(said.out).toBe("running 1s\n\ncompleted 3s\n");
}, 15_000);

test("the width is that of the terminal as it is now, not as it was at the start", () => {
  const before = { isTTY: process.stdout.isTTY, columns: process.stdout.columns };
  const io = processIo(new AbortController().signal);
  try {
    for (const columns of [100, 40]) {
      Object.assign(process.stdout, { isTTY: true, columns });
      expect(io.width).toBe(columns);
    }
  } finally {
    Object.assign(process.stdout, before);
  }
});

test("a token that no header can carry is refused, and not shown", async () => {
  const { io, said } = around();
  const env = { ...io.env, BERTH_TOKEN: "secret\nbroken" };
  const { code, err } = await run(["logs", ID], { ...around(), io: { ...io, env }, said });
  expect([code, err]).toEqual([255, expect.stringContaining("BERTH_TOKEN is no token")]);
  expect(err).not.toContain("secret");
});
