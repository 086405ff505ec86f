import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { HeldError, lockDataDir } from "./lock.ts";

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "berth-lock-"));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

/** A real process that lives until it is ended. */
async function someoneElse() {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  await once(child, "spawn");
  const pid = child.pid ?? 0;
  return {
    pid,
    end: async () => {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

test("a second up on the same data is told who has it", async () => {
  const other = await someoneElse();
  await lockDataDir(dataDir, other.pid);
  await expect(lockDataDir(dataDir)).rejects.toThrow(HeldError);
  await expect(lockDataDir(dataDir)).rejects.toThrow(`process ${other.pid}`);
  await other.end();
});

test("the lock of a dead process is taken over", async () => {
  const other = await someoneElse();
  await lockDataDir(dataDir, other.pid);
  await other.end();
  await expect(lockDataDir(dataDir)).resolves.toBeDefined();
});

test("the lock of a process whose id was given to another is taken over", async () => {
  const other = await someoneElse();
  mkdirSync(join(dataDir, "lock"));
  writeFileSync(join(dataDir, "lock", String(other.pid)), "the mark of an earlier process");
  await expect(lockDataDir(dataDir)).resolves.toBeDefined();
  await other.end();
});

test("a released lock is free for the next", async () => {
  const other = await someoneElse();
  const lock = await lockDataDir(dataDir, other.pid);
  await lock.release();
  await expect(lockDataDir(dataDir)).resolves.toBeDefined();
  await other.end();
});

test("of several at once at most one gets it", async () => {
  const others = await Promise.all(Array.from({ length: 4 }, someoneElse));
  const tries = await Promise.allSettled(others.map(({ pid }) => lockDataDir(dataDir, pid)));
  expect(tries.filter(({ status }) => status === "fulfilled").length).toBeLessThanOrEqual(1);
  await Promise.all(others.map((other) => other.end()));
});
