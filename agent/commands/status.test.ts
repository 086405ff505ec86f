// What `status` makes of what the agent left, and the exit codes that scripts rely on.
import { mkdtempSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PROVIDER_STATUSES } from "../../domain/provider/state.ts";
import type { Heartbeat, HeartbeatAnswer } from "../../protocol/agent.ts";
import { type AgentStatus, createStatusWriter, readStatus, readTicket } from "../status-file.ts";
import { describeStatus, EXIT, judge, statusCommand } from "./status.ts";

const NOW = Date.parse("2026-01-01T00:01:00.000Z");
const AT = new Date(NOW - 12_000);
const quiet = { info() {}, warn() {}, error() {} };
const BASE = {
  ...{ version: "0.1.0", provider_id: "prov_01arz3ndektsv4rrffq69g5fav", name: "rig-1" },
  ...{ broker: "https://berth.example", runtime: "kubernetes" },
};
const GPU = { index: 0, model: "NVIDIA L4", uuid: "GPU-1", vram_mb: 23_034, declared: false };
const BEAT: Heartbeat = {
  ...{ seq: 42, agent_version: "0.1.0", instance: "0".repeat(32), generation: 1 },
  machine: {
    ...{ hostname: "h", os: "o", architecture: "a", cpu_model: "c", cpu_cores: 8, memory_mb: 32_768, disk_gb: 100 },
    ...{ gpus: [GPU], runtime: "kubernetes", sandboxed: true },
  },
  usage: {
    cpu_percent: 3,
    memory_used_mb: 4096,
    gpus: [{ uuid: "GPU-1", utilization_percent: 37, memory_used_mb: 9 }],
  },
  executions: [{ id: "exec_01arz3ndektsv4rrffq69g5fa1", state: "ready", port: 30_001, user: "root" }],
};
const JOIN = {
  ...{ api_server: "10.0.0.1:6443", token: "abcdef.0123456789abcdef", ca_cert_hash: `sha256:${"0".repeat(64)}` },
  ...{ node_name: "berth-1", expires_at: "2026-01-01T00:30:00.000Z" },
};
const ANSWER: HeartbeatAnswer = {
  ...{ now: AT.toISOString(), status: "available", notices: [], join: null, generation: 1, executions: [] },
};

async function written(change: Partial<HeartbeatAnswer> = {}, failed = 0) {
  const dir = mkdtempSync(join(tmpdir(), "berth-status-"));
  const writer = createStatusWriter(dir, BASE, quiet);
  writer.beating(BEAT, AT);
  writer.answered({ ...ANSWER, ...change }, AT);
  if (failed > 0) writer.failed(new Error("no answer from https://berth.example: ECONNREFUSED"), failed, 5000, AT);
  await writer.settle();
  return dir;
}

async function statusOf(change: Partial<HeartbeatAnswer> = {}, failed = 0): Promise<AgentStatus> {
  const status = await readStatus(await written(change, failed));
  if (!status) throw new Error("no status was written");
  return status;
}

test("exit codes say what scripts ask: serving, silent broker, not running, not taken", async () => {
  const agent = await statusOf();
  expect(EXIT[judge(agent, 7, NOW).state]).toBe(0);
  expect(EXIT[judge(agent, undefined, NOW).state]).toBe(3);
  expect(EXIT[judge(undefined, undefined, NOW).state]).toBe(3);
  expect(EXIT[judge(await statusOf({}, 2), 7, NOW).state]).toBe(1);
  expect(EXIT[judge(agent, 7, NOW + 600_000).state]).toBe(1);
  expect(EXIT[judge(await statusOf({ status: "pending" }), 7, NOW).state]).toBe(4);
  expect(EXIT[judge(await statusOf({ status: "rejected" }), 7, NOW).state]).toBe(4);
});

test("every status of a provider comes with what is next", async () => {
  for (const status of PROVIDER_STATUSES)
    expect(judge(await statusOf({ status }), 7, NOW).next, status).toMatch(/\S.*\.$/);
});

test("the table shows last beat, notices, GPUs, executions and joining", async () => {
  const agent = await statusOf({ notices: ["Two agents speak with this key."], join: JOIN });
  expect(describeStatus(judge(agent, 7, NOW), "/d", NOW)).toBe(`agent      serving (pid 7)
provider   rig-1, prov_01arz3ndektsv4rrffq69g5fav
broker     https://berth.example
runtime    kubernetes
status     available, said 12 s ago
beat       number 42, 12 s ago
notice     Two agents speak with this key.
join       as berth-1 to 10.0.0.1:6443 until 2026-01-01T00:30:00.000Z: berth-agent join --yes
gpu 0      NVIDIA L4, 23034 MB, 37 %, 9 MB used
machine    8 cores at 3 %, 4 of 32 GB memory, 100 GB disk
execution  exec_01arz3ndektsv4rrffq69g5fa1 ready on port 30001
next       Nothing to do: it takes work.`);
});

test("a broker's words cannot steer the terminal", async () => {
  const agent = await statusOf({ notices: ["\u001b[2Jgone\r\nagent  serving"] });
  const shown = describeStatus(judge(agent, 7, NOW), "/d", NOW);
  expect(shown).not.toContain("\u001b");
  expect(shown.split("\n").filter((line) => line.startsWith("agent"))).toHaveLength(1);
});

test("the token for joining is in no status, its own file is its owner's alone, and it goes with the ticket", async () => {
  const dir = await written({ join: JOIN });
  expect(readFileSync(join(dir, "status.json"), "utf8")).not.toContain(JOIN.token);
  expect(statSync(join(dir, "join.json")).mode & 0o777).toBe(0o600);
  expect(await readTicket(dir)).toEqual(JOIN);
  expect(await readTicket(await written())).toBeUndefined();
});

test("programs get the same as JSON, and an empty directory is no error", async () => {
  const lines: string[] = [];
  expect(await statusCommand(mkdtempSync(join(tmpdir(), "berth-status-")), true, (line) => lines.push(line))).toBe(3);
  expect(JSON.parse(lines.join(""))).toMatchObject({ state: "stopped", pid: null, agent: null });
});
