// The agent as one file on a machine that has Node and nothing else.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { onlyThese } from "../agent/processes.ts";
import { Enrol, Heartbeat } from "../protocol/agent.ts";
import { buildAgent } from "./build.ts";

const PROVIDER = "prov_01arz3ndektsv4rrffq69g5fav";
const built = mkdtempSync(join(tmpdir(), "berth-built-"));
/** Outside of any repository: no node_modules is found from here upwards. */
const bare = mkdtempSync(join(tmpdir(), "berth-bare-"));
const script = join(bare, "berth-agent.mjs");

beforeAll(async () => {
  await buildAgent(built);
  copyFileSync(join(built, "agent.mjs"), script);
});

afterAll(() => {
  for (const dir of [built, bare]) rmSync(dir, { recursive: true, force: true });
});

function agent(...args: string[]): Promise<{ code: number | string; out: string }> {
  const options = { cwd: bare, timeout: 30_000, env: onlyThese({ PATH: "/usr/bin:/bin", HOME: bare }) };
  return new Promise((done) => {
    execFile(process.execPath, [script, ...args], options, (error, stdout, stderr) => {
      done({ code: error?.code ?? 0, out: `${stdout}${stderr}` });
    });
  });
}

/** Takes an enrolment and answers every beat. */
async function fakeBroker() {
  const enrolments: unknown[] = [];
  const beats: unknown[] = [];
  const server = createServer((request, response) => {
    let raw = "";
    request.on("data", (chunk) => {
      raw += chunk;
    });
    request.on("end", () => {
      if (request.url === "/api/v1/providers") {
        enrolments.push(Enrol.parse(JSON.parse(raw)));
        response.writeHead(201).end(JSON.stringify({ provider_id: PROVIDER, owner: "0x0" }));
      } else if (request.url === "/health") {
        response.end("{}");
      } else {
        beats.push(Heartbeat.parse(JSON.parse(raw)));
        const said = { now: new Date().toISOString(), status: "approved", notices: [], join: null };
        response.end(JSON.stringify({ ...said, generation: 0, executions: [] }));
      }
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url, enrolments, beats, close };
}

test("one file of less than 3 MB is the whole agent, and says its version and its commands", async () => {
  expect(readdirSync(bare)).toEqual(["berth-agent.mjs"]);
  expect(statSync(script).size).toBeLessThan(3_000_000);
  expect(await agent("--version")).toEqual({ code: 0, out: "0.1.0\n" });
  const { out } = await agent("--help");
  for (const command of ["enrol", "install", "start", "status", "drain", "join", "logs", "uninstall"])
    expect(out).toContain(`  ${command} `);
});

test("alone it says which runtimes it has, and which it would need the repository for", async () => {
  const flags = ["--broker", "http://127.0.0.1:1", "--token", "token-of-a-test-00000", "--price-per-gpu-hour", "1"];
  const refused = await agent("enrol", ...flags, "--data-dir", join(bare, "refused"));
  expect(refused.code).toBe(1);
  expect(refused.out).toContain("This agent has no process runtime; it has docker and kubernetes.");
  // Alone it finds out about the engine, and then that there is no broker.
  const place = ["--runtime", "docker", "--data-dir", join(bare, "docker")];
  const prices = ["--broker", "http://127.0.0.1:1", "--price-per-gpu-hour", "1"];
  const rehearsal = await agent("install", "--dry-run", "--root", join(bare, "image"), ...prices, ...place);
  expect(rehearsal.out).toMatch(/runtime docker: (no container engine|Docker|Podman)/);
});

test("alone it enrols, serves, tells its status and rehearses its installation", async () => {
  const broker = await fakeBroker();
  const dataDir = join(bare, "data");
  const place = ["--data-dir", dataDir];
  try {
    expect((await agent("status", ...place)).code).toBe(3);
    const flags = ["--broker", broker.url, "--token", "token-of-a-test-00000", "--price-per-gpu-hour", "0.4"];
    const enrolled = await agent("enrol", ...flags, "--runtime", "kubernetes", ...place);
    expect(enrolled.out).toContain(`Enrolled as ${PROVIDER}.`);
    expect(broker.enrolments).toMatchObject([{ price_per_gpu_hour: "0.400000", machine: { runtime: "kubernetes" } }]);

    const rehearsal = await agent("install", "--dry-run", "--root", join(bare, "image"), ...place);
    expect(rehearsal.out).toContain("Would write");
    expect(rehearsal.out).toContain("ExecStart=");
    expect(readdirSync(bare)).not.toContain("image");

    const child = execFile(process.execPath, [script, "start", ...place], { cwd: bare });
    const ended = once(child, "exit");
    try {
      await expect.poll(() => agent("status", ...place).then(({ code }) => code), { timeout: 20_000 }).toBe(0);
    } finally {
      child.kill("SIGTERM");
      await ended; // it writes its status until the last, and the folder is about to go
    }
    expect(broker.beats.length).toBeGreaterThan(0);
  } finally {
    broker.close();
  }
});
