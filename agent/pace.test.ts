// How fast an agent may speak, and what it keeps over restarts.
import { mkdtempSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ConfigError, resolveConfig } from "./config.ts";
import { openIdentity } from "./identity.ts";
import { backoffMs, createPace } from "./pace.ts";
import { identify, isAlive, parseProcStat } from "./processes.ts";
import { takeDataDir } from "./run-lock.ts";
import { isPassedOn, shellExports } from "./runtimes/process/environment.ts";
import { openSequence } from "./sequence.ts";

const newDir = () => mkdtempSync(join(tmpdir(), "berth-agent-test-"));

test("a burst of ten goes at once, the eleventh waits a tenth of a second", async () => {
  const pace = createPace(() => 0);
  const never = new AbortController().signal;
  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  for (let i = 0; i < 10; i++) await pace.take(never);
  expect(turned).toBe(false); // not one turn of the event loop, however long that takes
  const begin = performance.now();
  await pace.take(never);
  expect(performance.now() - begin).toBeGreaterThan(80);
});

test("backoff grows, is capped, and is spread over its whole span", () => {
  const backoff = { firstMs: 500, capMs: 30_000 };
  expect([0, 1, 2, 10, 10_000].map((attempt) => backoffMs(backoff, attempt, 1))).toEqual([
    500, 1000, 2000, 30_000, 30_000,
  ]);
  expect(backoffMs(backoff, 5, 0)).toBe(0);
});

test("a beat's number grows over a crash, a lost file and a clock set back", async () => {
  const dir = newDir();
  const first = await openSequence(dir, () => 1000);
  const before = [await first.next(), await first.next()];
  expect(before).toEqual([1001, 1002]);
  const afterCrash = await openSequence(dir, () => 5);
  expect(await afterCrash.next()).toBeGreaterThan(1002);
  const afterLoss = await openSequence(newDir(), () => 9_000_000);
  expect(await afterLoss.next()).toBeGreaterThan(9_000_000);
});

test("numbers stay distinct over the end of a reserved block", async () => {
  const dir = newDir();
  const sequence = await openSequence(dir, () => 0);
  const taken: number[] = [];
  for (let i = 0; i < 2500; i++) taken.push(await sequence.next());
  expect(taken.every((number, i) => i === 0 || number > (taken[i - 1] ?? 0))).toBe(true);
  expect(await (await openSequence(dir, () => 0)).next()).toBeGreaterThan(taken.at(-1) ?? 0);
}, 120_000);

test("the key is made once and only its owner may read it", async () => {
  const dir = newDir();
  const { publicKey } = await openIdentity(dir);
  expect((await openIdentity(dir)).publicKey).toBe(publicKey);
  expect(statSync(join(dir, "identity.pem")).mode & 0o777).toBe(0o600);
  expect((await openIdentity(newDir())).publicKey).not.toBe(publicKey);
});

test("a pid used again by another process is not the process that was meant", () => {
  const self = identify(process.pid);
  expect(self && isAlive(self)).toBe(true);
  expect(isAlive({ pid: process.pid, started: "another boot:1" })).toBe(false);
});

test("a command name with brackets and spaces does not shift the fields of its stat", () => {
  const fields = ["S", "7", "8", "9", ...Array.from({ length: 15 }, () => "0"), "4242", "0"];
  expect(parseProcStat(`12 (a) b (c) ${fields.join(" ")}`)).toEqual({
    command: "a) b (c",
    state: "S",
    parent: 7,
    session: 9,
    startTicks: "4242",
  });
});

test("a directory serves one living agent, and a dead one's mark is no hindrance", async () => {
  const dir = newDir();
  writeFileSync(join(dir, "agent.pid"), JSON.stringify(identify(process.ppid)));
  await expect(takeDataDir(dir)).rejects.toThrow("already runs");
  writeFileSync(join(dir, "agent.pid"), JSON.stringify({ pid: process.ppid, started: "another boot:1" }));
  await expect(takeDataDir(dir)).resolves.toBeUndefined();
});

test("flags win over what is stored, and a wrong one is named", () => {
  const flags = { broker: "http://127.0.0.1:1", price_per_gpu_hour: "0.389000" };
  const stored = resolveConfig(flags, undefined, "My Laptop.local");
  expect(stored.name).toBe("my-laptop-local");
  expect(resolveConfig({ broker: "http://127.0.0.1:2", name: undefined }, stored, "x")).toEqual({
    ...stored,
    broker: "http://127.0.0.1:2",
  });
  expect(() => resolveConfig({ ...flags, price_per_gpu_hour: "0.3890001" }, undefined, "x")).toThrow(
    "--price-per-gpu-hour",
  );
  expect(() => resolveConfig({ ...flags, declared_cpus: 0 }, undefined, "x")).toThrow("--declare-cpus");
  expect(() => resolveConfig({}, undefined, "x")).toThrow(ConfigError);
});

test("a customer's variable cannot pose as the broker's, steer the loader or break out of its quotes", () => {
  expect(["A", "_x9", "PATH"].every((name) => isPassedOn(name, "v"))).toBe(true);
  for (const name of ["BERTH_JOB_ID", "LD_PRELOAD", "CUDA_VISIBLE_DEVICES", "A-B", "A=B", "", "9A", "A\nB"])
    expect(isPassedOn(name, "v"), name).toBe(false);
  expect(isPassedOn("A", "\0")).toBe(false);
  expect(shellExports({ A: "it's; $(x)\n" })).toBe("export A='it'\\''s; $(x)\n'\n");
});
