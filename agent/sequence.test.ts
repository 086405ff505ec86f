// The number of signed messages, drawn by several processes at once.
import { execFile } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { openSequence } from "./sequence.ts";

const newDir = () => mkdtempSync(join(tmpdir(), "berth-sequence-"));

test("processes beside each other never draw the same number, and each sees its own grow", async () => {
  const dir = newDir();
  const script = `import { openSequence } from ${JSON.stringify(resolve("agent/sequence.ts"))};
    const sequence = await openSequence(${JSON.stringify(dir)}, () => 0);
    for (let i = 0; i < 60; i++) console.log(await sequence.next());`;
  const draw = () => promisify(execFile)(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script]);
  const drawn = (await Promise.all([draw(), draw(), draw()])).map(({ stdout }) =>
    stdout.trim().split("\n").map(Number),
  );
  const all = drawn.flat();
  expect(all).toHaveLength(180);
  expect(new Set(all).size).toBe(180);
  for (const own of drawn) expect(own).toEqual(own.toSorted((a, b) => a - b));
}, 60_000);

test("a lock whose holder died, or never wrote its name, is taken over", async () => {
  for (const left of [JSON.stringify({ pid: 2 ** 22 - 1, started: "another boot:1" }), ""]) {
    const dir = newDir();
    writeFileSync(join(dir, "sequence.lock"), left);
    expect(await (await openSequence(dir, () => 41)).next()).toBe(42);
  }
});

test("a jump leaves numbers out, for every process", async () => {
  const dir = newDir();
  const sequence = await openSequence(dir, () => 10);
  await sequence.jump(1000);
  expect(await (await openSequence(dir, () => 10)).next()).toBe(1011);
  expect(await sequence.next()).toBe(1012);
});

test("a clock that is far off does not use the numbers up", async () => {
  const dir = newDir();
  const sequence = await openSequence(dir, () => Number.MAX_SAFE_INTEGER);
  expect(await sequence.next()).toBeLessThan(Number.MAX_SAFE_INTEGER / 2 + 10);
});
