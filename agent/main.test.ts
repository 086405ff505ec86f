// The program itself, as a process: enrolment, its own death and return, and a demo's stop.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, expect, test } from "vitest";
import { AgentDrain, Enrol, Heartbeat, LogReport } from "../protocol/agent.ts";
import { listPids, until } from "./processes.ts";

const PROVIDER = "prov_01arz3ndektsv4rrffq69g5fav";
const EXECUTION = "exec_01arz3ndektsv4rrffq69g5fa1";
const TOKEN = "enrolment-token-of-a-test";
const ends: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
}, 60_000);

/** Takes enrolments and beats; answers at once when what is reported differs from what is wanted, else holds. */
async function broker() {
  const dir = mkdtempSync(join(tmpdir(), "berth-main-"));
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(dir, "host")]);
  const execution = {
    ...{
      id: EXECUTION,
      job_id: "job_01arz3ndektsv4rrffq69g5fav",
      provider_id: PROVIDER,
      kind: "rental",
      image: "demo",
    },
    ...{ cpu_cores: 1, memory_mb: 1, disk_gb: 1, gpu_uuids: [], env: {}, deadline: "2099-01-01T00:00:00.000Z" },
    ...{ ssh_public_keys: [], ssh_host_key: readFileSync(join(dir, "host"), "utf8") },
  };
  const enrolments: Enrolment[] = [];
  const beats: Heartbeat[] = [];
  const drains: Drained[] = [];
  const held = new Set<ServerResponse>();
  const world = { wanted: true, refuse: 0, status: "available", staleDrains: 0, log: "" };
  const answer = (response: ServerResponse) => {
    held.delete(response);
    const executions = world.wanted ? [execution] : [];
    const said = { now: new Date().toISOString(), status: world.status, notices: [], join: null };
    response.end(JSON.stringify({ ...said, generation: 1, executions }));
  };
  const server = createServer((request, response) => {
    let raw = "";
    request.on("data", (chunk) => {
      raw += chunk;
    });
    request.on("end", () => {
      if (request.url === "/api/v1/providers") {
        enrolments.push(Enrol.parse(JSON.parse(raw)));
        if (world.refuse-- > 0) response.writeHead(503).end("{}");
        else response.writeHead(201).end(JSON.stringify({ provider_id: PROVIDER, status: "joined" }));
        return;
      }
      if (request.url?.endsWith("/agent-drain")) {
        drains.push(AgentDrain.parse(JSON.parse(raw)));
        if (world.staleDrains-- > 0) response.writeHead(409).end(JSON.stringify({ code: "stale-sequence" }));
        else response.end(JSON.stringify({ draining: drains.at(-1)?.draining, live_executions: 1 }));
        return;
      }
      if (request.url?.endsWith(`/executions/${EXECUTION}/logs`)) {
        const { offset, text } = LogReport.parse(JSON.parse(raw));
        world.log = world.log.slice(0, offset) + text;
        return response.end(JSON.stringify({ next_offset: world.log.length }));
      }
      beats.push(Heartbeat.parse(JSON.parse(raw)));
      const known = beats.at(-1)?.executions.length ?? 0;
      held.add(response);
      if (known !== (world.wanted ? 1 : 0)) answer(response);
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  ends.push(() => {
    server.close();
    server.closeAllConnections();
    rmSync(dir, { recursive: true, force: true });
  });
  return {
    ...{ url, dir: join(dir, "data"), enrolments, beats, drains, world },
    release: () => [...held].forEach(answer),
    lastState: () => beats.at(-1)?.executions[0]?.state,
  };
}
type Enrolment = ReturnType<typeof Enrol.parse>;
type Drained = ReturnType<typeof AgentDrain.parse>;

const agent = (...args: string[]) => agentWith([], args);

/** @param more descriptors that it is given besides, from 3 on */
function agentWith(more: readonly (number | "ignore")[], args: readonly string[]): ChildProcess & { output: string } {
  const stdio = ["pipe" as const, "pipe" as const, "pipe" as const, ...more];
  const child = spawn(process.execPath, ["--import", "tsx", resolve("agent/main.ts"), ...args], { stdio });
  const seen = Object.assign(child, { output: "" });
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk) => {
      seen.output += chunk;
    });
  }
  ends.push(() => void child.kill("SIGKILL"));
  return seen;
}

const exited = (child: ChildProcess) => until(() => child.exitCode !== null || child.signalCode !== null, 60_000);
const supervisors = (dir: string) =>
  listPids().filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`__supervise\0${dir}`);
    } catch {
      return false;
    }
  });

const enrolFlags = (url: string, dir: string) => [
  ...["--broker", url, "--token", TOKEN, "--data-dir", dir, "--name", "rig-1", "--price-per-gpu-hour", "0.389000"],
  ...["--declare-gpus", "2x NVIDIA L4:23034", "--declare-gpus", "1x NVIDIA A10:24564", "--declare-cpus", "8"],
];

test("what whoever started the agent left open reaches nothing that it starts", async () => {
  const { url, dir, lastState } = await broker();
  const secret = resolve("package.json");
  const fd = openSync(secret, "r");
  const far = Array.from({ length: 40 }, (_, n) => (n === 6 || n === 39 ? fd : ("ignore" as const))); // 9 and 42
  const started = agentWith(far, ["start", ...enrolFlags(url, dir), "--stop-executions-on-exit"]);
  const holds = (pid = 0) =>
    readdirSync(`/proc/${pid}/fd`).filter((name) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${name}`) === secret;
      } catch {
        return false; // closed since it was listed
      }
    });
  expect(holds(started.pid).length).toBeGreaterThan(0); // before it has begun
  expect(await until(() => lastState() === "ready", 40_000), started.output).toBe(true);
  expect(supervisors(dir).map(holds)).toEqual([[]]);
  started.kill("SIGTERM");
  await exited(started);
}, 180_000);

test("start enrols once, serves, outlives its agent's death, and tells a demo's stop at the next start", async () => {
  const { url, dir, enrolments, beats, lastState, world, release } = await broker();
  const first = agent("start", ...enrolFlags(url, dir), "--stop-executions-on-exit");
  expect(await until(() => lastState() === "ready", 40_000), first.output).toBe(true);
  expect(enrolments).toHaveLength(1);
  expect(enrolments[0]).toMatchObject({ token: TOKEN, name: "rig-1", region: "local", price_per_cpu_hour: "0.010000" });
  expect(enrolments[0]?.machine.gpus.map((gpu) => gpu.model)).toEqual(["NVIDIA L4", "NVIDIA L4", "NVIDIA A10"]);
  const port = beats.at(-1)?.executions[0];

  first.kill("SIGKILL");
  await exited(first);
  expect(supervisors(dir)).toHaveLength(1);
  const before = beats.length;
  const second = agent("start", ...enrolFlags(url, dir), "--stop-executions-on-exit");
  await until(() => beats.length > before, 40_000);
  expect(beats[before]?.executions, second.output).toEqual([port]); // adopted: in its very first beat
  expect(beats[before]?.seq).toBeGreaterThan(beats[before - 1]?.seq ?? 0);

  second.kill("SIGTERM");
  expect(await exited(second)).toBe(true);
  expect(second.exitCode, second.output).toBe(0);
  expect(supervisors(dir)).toEqual([]);
  const third = agent("start", "--data-dir", dir);
  await until(() => lastState() === "ended", 40_000);
  expect(beats.at(-1)?.executions, third.output).toMatchObject([
    { id: EXECUTION, state: "ended", cause: "demo-stopped" },
  ]);
  expect(enrolments).toHaveLength(1);
  // Of three agents the broker has one log, each line once.
  const starts = () => world.log.match(/workspace starts/g)?.length ?? 0;
  expect(await until(() => starts() > 0, 10_000), world.log).toBe(true);
  expect(starts(), world.log).toBe(1);

  world.wanted = false;
  release();
  expect(await until(() => beats.at(-1)?.executions.length === 0, 10_000)).toBe(true);
  third.kill("SIGINT");
  await exited(third);
}, 180_000);

test("without the flag the agent's end leaves executions running", async () => {
  const { url, dir, lastState, world, beats } = await broker();
  const first = agent("start", ...enrolFlags(url, dir));
  expect(await until(() => lastState() === "ready", 40_000), first.output).toBe(true);
  first.kill("SIGTERM");
  await exited(first);
  expect(supervisors(dir)).toHaveLength(1);
  world.wanted = false;
  const second = agent("start", "--data-dir", dir);
  expect(
    await until(() => beats.at(-1)?.executions.length === 0 && supervisors(dir).length === 0, 40_000),
    second.output,
  ).toBe(true);
}, 180_000);

test("enrol waits for a broker that is not ready, with the same key, and does nothing the second time", async () => {
  const { url, dir, enrolments, world } = await broker();
  world.refuse = 1;
  const first = agent("enrol", ...enrolFlags(url, dir));
  expect(await exited(first)).toBe(true);
  expect(first.exitCode, first.output).toBe(0);
  expect(enrolments).toHaveLength(2);
  expect(enrolments[1]?.public_key).toBe(enrolments[0]?.public_key);
  const again = agent("enrol", ...enrolFlags(url, dir));
  await exited(again);
  expect(again.exitCode).toBe(0);
  expect(enrolments).toHaveLength(2);
}, 180_000);

test("a start without identity and token says what to give", async () => {
  const dir = mkdtempSync(join(tmpdir(), "berth-main-"));
  const lost = agent("start", "--data-dir", dir);
  await exited(lost);
  expect(lost.exitCode).toBe(1);
  expect(lost.output).toContain("--token");
  rmSync(dir, { recursive: true, force: true });
}, 180_000);

test("beside a running agent: status tells of it, drain takes a number of the same sequence, a second agent is refused", async () => {
  const { url, dir, beats, drains, world, lastState, release } = await broker();
  const first = agent("start", ...enrolFlags(url, dir));
  expect(await until(() => lastState() === "ready", 40_000), first.output).toBe(true);
  const said = async (...args: string[]) => {
    const child = agent(...args, "--data-dir", dir);
    await exited(child);
    return { code: child.exitCode, output: child.output };
  };
  const status = await said("status");
  expect(status, status.output).toMatchObject({ code: 0 });
  expect(status.output).toMatch(/execution +exec_01arz3ndektsv4rrffq69g5fa1 ready on port 3\d{4}/);
  expect((await said("start")).output).toContain("an agent already runs on");

  world.staleDrains = 1;
  const drained = await said("drain");
  expect(drained.output).toContain("It takes no new work. 1 execution runs");
  expect(drains.map(({ draining }) => draining)).toEqual([true, true]);
  release();
  const before = beats.length;
  expect(await until(() => beats.length > before, 10_000)).toBe(true);
  const [refused, taken] = drains.map(({ seq }) => seq);
  expect(taken).toBeGreaterThan(refused ?? 0);
  expect(beats.at(-1)?.seq).toBeGreaterThan(taken ?? 0);
  expect((await said("drain", "--resume")).output).toContain("It takes work again.");

  world.status = "pending";
  world.wanted = false;
  release();
  expect(await until(() => beats.at(-1)?.executions.length === 0, 10_000)).toBe(true);
  release();
  await until(() => readFileSync(join(dir, "status.json"), "utf8").includes('"pending"'), 10_000);
  expect(await said("status", "--json")).toMatchObject({ code: 4 });
  first.kill("SIGTERM");
  await exited(first);
  expect(await said("status")).toMatchObject({ code: 3 });
}, 180_000);

test("enrol says what it told the broker and what comes next", async () => {
  const { url, dir } = await broker();
  const first = agent("enrol", ...enrolFlags(url, dir));
  await exited(first);
  expect(first.output).toContain(`Enrolled as ${PROVIDER}.`);
  expect(first.output).toContain("2 × NVIDIA L4 (declared), 1 × NVIDIA A10 (declared)");
  expect(first.output).toContain(` install --data-dir ${dir}`);
}, 60_000);
