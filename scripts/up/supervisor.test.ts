import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { isAlive } from "../processes.ts";
import { type ChildSpec, endLeftovers, type Household, pauseMs, rotateLogs, supervise } from "./supervisor.ts";

let home: string;
let said: string[];
let household: Household;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "berth-supervisor-"));
  said = [];
  household = {
    logDir: join(home, "logs"),
    runDir: join(home, "run"),
    report: (sentence) => said.push(sentence),
    random: () => 0,
    firstPauseMs: 20,
    longestPauseMs: 100,
  };
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** A real Node process that runs `script`. */
function node(script: string, more: Partial<ChildSpec> = {}): ChildSpec {
  return {
    name: "child",
    command: process.execPath,
    args: ["-e", script],
    env: { NODE_ENV: "test", PATH: process.env.PATH, HOME_OF_TEST: home },
    cwd: "/",
    stopGraceMs: 5_000,
    ...more,
  };
}

const STAYS = "setInterval(() => {}, 1000);";
const until = (check: () => void) => vi.waitFor(check, { timeout: 15_000, interval: 20 });

/** The id that a child wrote into `name` under the test's home. */
async function pidIn(name: string): Promise<number> {
  const path = join(home, name);
  await until(() => expect(existsSync(path) && readFileSync(path, "utf8")).toMatch(/^\d+$/));
  return Number(readFileSync(path, "utf8"));
}
const writePid = (name: string, pid = "process.pid") =>
  `require("fs").writeFileSync(process.env.HOME_OF_TEST + "/${name}", String(${pid}));`;

test("a child that crashes is reported with its last words and runs again", async () => {
  const child = supervise(node('console.error("out of rope"); process.exit(3)'), household);
  await until(() => expect(said.length).toBeGreaterThan(2));
  await child.stop();
  expect(said[0]).toContain("child ended with code 3");
  expect(said[0]).toContain("out of rope");
});

test("a child that is killed from outside runs again as another process", async () => {
  const child = supervise(node(STAYS), household);
  await until(() => expect(child.pid()).toBeDefined());
  const first = child.pid() ?? 0;
  process.kill(first, "SIGKILL");
  await until(() => expect(child.pid() ?? first).not.toBe(first));
  expect(said[0]).toContain("was ended by SIGKILL");
  await child.stop();
});

test("a command that does not exist is reported, not thrown", async () => {
  const child = supervise(node("", { command: "/nowhere/at/all" }), household);
  await until(() => expect(said[0]).toContain("did not start"));
  await child.stop();
});

test("a stopped child is gone, is not reported and never comes back", async () => {
  const child = supervise(node(STAYS + writePid("pid")), household);
  const pid = await pidIn("pid");
  await child.stop();
  expect(isAlive(pid)).toBe(false);
  await new Promise((wake) => setTimeout(wake, 200));
  expect(child.pid()).toBeUndefined();
  expect(said).toEqual([]);
});

test("a child that does not listen is killed after its grace", async () => {
  const child = supervise(
    node(`process.on("SIGTERM", () => {}); ${STAYS}${writePid("pid")}`, { stopGraceMs: 300 }),
    household,
  );
  const pid = await pidIn("pid");
  await child.stop();
  expect(isAlive(pid)).toBe(false);
});

test("a child's own children never outlive it", async () => {
  const spawnOne = `const c = require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(STAYS)}], { stdio: "ignore" });`;
  const child = supervise(node(spawnOne + writePid("grandchild", "c.pid") + STAYS), household);
  const grandchild = await pidIn("grandchild");
  await child.stop();
  await until(() => expect(isAlive(grandchild)).toBe(false));
});

test("stopping during the pause before a restart starts nothing", async () => {
  const child = supervise(node("process.exit(1)"), { ...household, firstPauseMs: 60_000, longestPauseMs: 60_000 });
  await until(() => expect(said).toHaveLength(1));
  await child.stop();
  expect(child.pid()).toBeUndefined();
});

test("a Ctrl-C of the terminal does not reach a child: it leads a group of its own", async () => {
  const child = supervise(node(STAYS + writePid("pid")), household);
  const pid = await pidIn("pid");
  expect(() => process.kill(-pid, 0)).not.toThrow();
  await child.stop();
});

test("what a killed up left running is ended by the next, and a reused id is left alone", async () => {
  const child = supervise(node(STAYS + writePid("pid")), household);
  const pid = await pidIn("pid");
  // The file is there a moment before what is written into it.
  await until(() => expect(readFileSync(join(home, "run", "child"), "utf8")).toMatch(new RegExp(`^${pid} \\d+$`)));
  writeFileSync(join(home, "run", "stranger"), `${pid} not-its-mark`);
  expect(await endLeftovers(household.runDir, ["stranger"])).toEqual(["child"]);
  await child.stop();
});

test("pauses double up to their cap and never fall below half", () => {
  const of = (restarts: number, random: number) => pauseMs(restarts, { ...household, random: () => random });
  expect([0, 1, 2, 3, 60].map((restarts) => of(restarts, 1))).toEqual([20, 40, 80, 100, 100]);
  expect(of(3, 0)).toBe(50);
});

test("a log that has grown is emptied, and what was in it is kept beside it", async () => {
  const child = supervise(node(`console.log("x".repeat(500)); ${STAYS}`), household);
  const log = join(home, "logs", "child.log");
  await until(() => expect(existsSync(log) && statSync(log).size).toBeGreaterThan(500));
  await rotateLogs(household.logDir, 100);
  expect(statSync(log).size).toBe(0);
  expect(statSync(`${log}.1`).size).toBeGreaterThan(500);
  await child.stop();
});
