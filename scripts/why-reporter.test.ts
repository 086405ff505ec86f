import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const TESTS = `
import { afterAll, beforeAll, describe, expect, test } from "vitest";
let tries = 0;
afterAll(() => { throw new Error("cannot be closed"); });
test("holds", () => {});
test("holds in the end", { retry: 1 }, () => expect(++tries).toBe(2));
test("fails", () => { throw new Error("is broken"); });
describe("group", () => {
  beforeAll(() => { throw new Error("cannot be opened"); });
  test("never ran", () => {});
});
test("leaves something behind", async () => {
  void Promise.reject(new Error("nobody listens"));
  await new Promise((resolve) => setTimeout(resolve, 50));
});
`;

test("whatever ends a run as failed is named, with its reason and place: tests, hooks, errors of nobody's", async () => {
  const folder = await mkdtemp(join(tmpdir(), "berth-why-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
  await writeFile(join(folder, "a.test.ts"), TESTS);
  const why = join(folder, "why");
  const args = ["run", "--root", folder, `--reporter=${join(ROOT, "scripts/why-reporter.ts")}`];
  const child = spawn(join(ROOT, "node_modules/.bin/vitest"), args, {
    cwd: folder,
    env: { ...process.env, BERTH_WHY_FILE: why },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const [said, code] = await Promise.all([
    text(child.stderr),
    new Promise<number | null>((resolve) => child.once("exit", resolve)),
  ]);
  expect(code, said).toBe(1);
  expect((await readFile(why, "utf8")).trimEnd().split("\n").sort()).toEqual([
    "FAILED: a.test.ts: Error: cannot be closed (a.test.ts:4)",
    "FAILED: fails: Error: is broken (a.test.ts:7)",
    "FAILED: group: Error: cannot be opened (a.test.ts:9)",
    "FAILED: outside of any test: Error: nobody listens (a.test.ts:13)",
    expect.stringMatching(
      /^PASSED ONLY THE SECOND TIME: holds in the end: AssertionError: expected 1 to be 2 .*\(a\.test\.ts:6\)$/,
    ),
  ]);
});
