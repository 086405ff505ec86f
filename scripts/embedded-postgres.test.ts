import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { freePort, startPostgres } from "./embedded-postgres.ts";
import { isAlive } from "./processes.ts";

vi.setConfig({ testTimeout: 180_000 }); // an initdb and two starts each take seconds where the machine is busy
let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "berth-postgres-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const start = () => startPostgres({ dataDir: join(home, "data"), password: "p/w@:1", durable: false });

async function ask(url: string, query: string) {
  const sql = postgres(url, { max: 1 });
  try {
    return await sql.unsafe(query);
  } finally {
    await sql.end();
  }
}

test("what was written is there after a stop and a start", async () => {
  const first = await start();
  await ask(first.url, "create table kept as select 7 as n");
  await first.stop();
  expect(isAlive(first.pid)).toBe(false);
  const second = await start();
  expect(await ask(second.url, "select n from kept")).toEqual([{ n: 7 }]);
  await second.stop();
});

test("a server that a killed run left behind is ended, and its data served again", async () => {
  const lost = await start();
  await ask(lost.url, "create table kept as select 7 as n");
  const found = await start();
  expect(isAlive(lost.pid)).toBe(false);
  expect(await ask(found.url, "select n from kept")).toEqual([{ n: 7 }]);
  await found.stop();
});

test("a pid file that names a process of somebody else's harms nobody and stops nothing", async () => {
  const first = await start();
  await first.stop();
  // PostgreSQL itself gives up only where the process is of its own account, which for root is another than ours.
  const owner = process.getuid?.() === 0 ? { uid: Number(execFileSync("id", ["-u", "postgres"])) } : {};
  const other = spawn("sleep", ["60"], { stdio: "ignore", cwd: "/", ...owner });
  await once(other, "spawn");
  writeFileSync(join(home, "data", "postmaster.pid"), `${other.pid}\n${join(home, "data")}\n`);
  const second = await start();
  expect(isAlive(other.pid ?? 0)).toBe(true);
  await second.stop();
  other.kill();
});

test("a directory that was only half made is made again", async () => {
  mkdirSync(join(home, "data.unfinished"));
  writeFileSync(join(home, "data.unfinished", "PG_VERSION"), "18");
  mkdirSync(join(home, "data"));
  const server = await start();
  expect(await ask(server.url, "select 1 as n")).toEqual([{ n: 1 }]);
  await server.stop();
});

test("nobody comes in without the password", async () => {
  const server = await start();
  const url = new URL(server.url);
  url.password = "wrong";
  await expect(ask(url.href, "select 1")).rejects.toMatchObject({ code: "28P01" });
  await server.stop();
});

test("a server that cannot start says why", async () => {
  const first = await start();
  await first.stop();
  writeFileSync(join(home, "data", "postgresql.conf"), "no_such_setting = on\n");
  await expect(start()).rejects.toThrow("no_such_setting");
});

test("a port that is given out is one that no other server or connection is given by chance, and is given once", async () => {
  const ports = await Promise.all(Array.from({ length: 500 }, freePort));
  expect(new Set(ports).size).toBe(500);
  for (const port of ports) expect(port).toBeLessThan(30_000);
});
