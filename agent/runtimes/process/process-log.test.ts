// What a customer reads of their workspace, with real supervisors and real clients.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { ExecutionId } from "../../../domain/ids.ts";
import { until } from "../../processes.ts";
import type { Runtime } from "../runtime.ts";
import { clear, endAll, keys, openRuntime, prepare, rent, run, ssh, sshOptions } from "./testing.ts";

beforeAll(prepare);
afterEach(endAll);
afterAll(clear);

const textOf = async (runtime: Runtime, id: ExecutionId) => (await runtime.log(id, 0))?.text ?? "";
const shows = async (runtime: Runtime, id: ExecutionId, line: RegExp) => {
  expect([await until(async () => line.test(await textOf(runtime, id)), 10_000), line]).toEqual([true, line]);
};
function fingerprint(path: string): string {
  const blob = Buffer.from(readFileSync(`${path}.pub`, "utf8").split(" ")[1] ?? "", "base64");
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

test("the log tells of the start, of who came in with which key and for what, and of who was refused", async () => {
  const { runtime, spec, port } = await rent({ env: { LD_PRELOAD: "x", MINE: "y" } });
  await ssh(port, "echo secret > /dev/null");
  await run("ssh", [...sshOptions(port, keys.other), "root@127.0.0.1", "true"]);
  await shows(runtime, spec.id, /A login was refused/);
  await shows(runtime, spec.id, /Logged out/);
  const lines = (await textOf(runtime, spec.id)).trimEnd().split("\n");
  for (const line of lines) expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \S/);
  const said = lines.map((line) => line.slice(25));
  expect(said).toEqual([
    "The workspace starts: 2 GPUs, 1 core, 512 MB of memory.",
    "Variables that were not passed on: LD_PRELOAD.",
    `It is ready: SSH answers on port ${port}.`,
    `Logged in: ${fingerprint(keys.mine)} (mine)`,
    "A command begins.",
    `Logged out: ${fingerprint(keys.mine)} (mine)`,
    "A login was refused: no key that was offered may come in.",
  ]);
});

test("a forward that leads nowhere is told once, with its port", async () => {
  const { runtime, spec, port } = await rent();
  for (let n = 0; n < 2; n++) await run("ssh", [...sshOptions(port), "-W", "127.0.0.1:9", "root@127.0.0.1"]);
  await shows(runtime, spec.id, /A connection to port 9 was refused: ECONNREFUSED/);
});

test("the last words can be read after everything else of it is gone, and over a restart of the agent", async () => {
  const { runtime, spec, root } = await rent();
  const before = await textOf(runtime, spec.id);
  runtime.close();
  const later = await openRuntime(root);
  expect(await textOf(later, spec.id)).toBe(before);
  await later.remove(spec.id);
  expect(later.list()).toEqual([]);
  const after = await textOf(later, spec.id);
  expect(after.startsWith(before)).toBe(true);
  expect(after.slice(before.length)).toMatch(/^\S+ The workspace ended: The broker no longer wants it\.\n$/);
  expect(await later.log(spec.id, after.length)).toBeNull();
  // The one that was closed still knows of it; asked to remove it too, it finds nothing left to do.
  await runtime.remove(spec.id);
  expect(runtime.list()).toEqual([]);
});
