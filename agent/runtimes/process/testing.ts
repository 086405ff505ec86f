// A world for the tests of the process runtime: real supervisors, real bubblewrap, the system's own ssh client.
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import ssh2, { type ParsedKey } from "ssh2";
import { vi } from "vitest";
import type { ExecutionSpec } from "../../../domain/execution/spec.ts";
import { type ExecutionId, formatId, isId } from "../../../domain/ids.ts";
import { listPids, until } from "../../processes.ts";
import type { Runtime } from "../runtime.ts";
import { openProcessRuntime, type ProcessRuntimeOptions } from "./process-runtime.ts";

/** Each supervisor is a process that a busy machine takes seconds to start. */
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

export const base = mkdtempSync(join(tmpdir(), "berth-runtime-"));
export const supervisor = [process.execPath, "--import", "tsx", resolve("agent/main.ts"), "__supervise"];
export const quiet = { info() {}, warn() {}, error() {} };
export const keys = { mine: "", other: "", host: "" };
export const open: Runtime[] = [];
export let count = 0;

export const newId = <P extends "exec" | "job" | "prov">(prefix: P) =>
  formatId(prefix, 1_800_000_000_000 + count++, new Uint8Array(10));

function makeKey(name: string): string {
  const path = join(base, name);
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path]);
  return path;
}

/** Before all tests of a file. */
export function prepare(): void {
  process.env.BERTH_CANARY = "of-the-parent";
  keys.mine = makeKey("mine");
  keys.other = makeKey("other");
  keys.host = makeKey("host");
}

/** After each test: nothing of it runs on. */
export async function endAll(): Promise<void> {
  for (const runtime of open.splice(0)) {
    await Promise.all(runtime.list().map(({ id }) => (isId("exec", id) ? runtime.remove(id) : undefined)));
    runtime.close();
  }
}

/** After all tests of a file. */
export function clear(): void {
  rmSync(base, { recursive: true, force: true });
}

export async function openRuntime(root: string, change: Partial<ProcessRuntimeOptions> = {}): Promise<Runtime> {
  const runtime = await openProcessRuntime({
    ...{ root, publicHost: "203.0.113.7", sandboxed: true, supervisor, log: quiet },
    ...change,
  });
  open.push(runtime);
  return runtime;
}

export function specFor(change: Partial<ExecutionSpec> = {}): ExecutionSpec {
  return {
    ...{ id: newId("exec"), jobId: newId("job"), providerId: newId("prov"), kind: "rental", image: "demo" },
    ...{ cpuCores: 1, memoryMb: 512, diskGb: 1, gpuUuids: ["GPU-aaaaaaaa-1111", "GPU-bbbbbbbb-2222"] },
    ...{
      env: {},
      command: null,
      registryLogin: null,
      sshPublicKeys: [readFileSync(`${keys.mine}.pub`, "utf8").trim()],
    },
    ...{ sshHostKey: readFileSync(keys.host, "utf8"), deadline: "2099-01-01T00:00:00.000Z" },
    ...change,
  } as const;
}

export async function portOf(runtime: Runtime, id: ExecutionId): Promise<number> {
  const seen = () => runtime.list().find((report) => report.id === id);
  await until(() => seen()?.state !== "starting", 20_000);
  const report = seen();
  if (report?.state !== "ready") throw new Error(`not ready: ${JSON.stringify(report)}`);
  return report.port;
}

export async function rent(change: Partial<ExecutionSpec> = {}, options: Partial<ProcessRuntimeOptions> = {}) {
  const root = join(base, `root-${count++}`);
  const runtime = await openRuntime(root, options);
  const spec = specFor(change);
  await runtime.apply(spec, 0);
  const port = await portOf(runtime, spec.id);
  return { root, runtime, spec, port, dir: join(root, spec.id) };
}

export const sshOptions = (port: number, key = keys.mine) => [
  ...["-F", "none", "-p", String(port), "-i", key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"],
  ...["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"],
];

export interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export function run(file: string, args: readonly string[], input?: string): Promise<Outcome> {
  return new Promise((done) => {
    const child = execFile(file, args, { timeout: 30_000 }, (error, out, err) => {
      done({ code: error ? (typeof error.code === "number" ? error.code : null) : 0, out, err });
    });
    child.stdin?.end(input ?? "");
  });
}

export const ssh = (port: number, command: string, input?: string) =>
  run("ssh", [...sshOptions(port), "root@127.0.0.1", command], input);

export function parsedKey(text: string): ParsedKey {
  const key = ssh2.utils.parseKey(text);
  if (key instanceof Error) throw key;
  return key;
}

let markers = 0;
/** Seconds for a `sleep` that no other test asks for, in any file that runs now: `processesWith` finds it alone. */
export const newMarker = () => String(1_000_000_000 + process.pid * 100 + markers++);

/** Every process, here or in a sandbox, whose command line holds the marker. */
export const processesWith = (marker: string) =>
  listPids().filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(marker);
    } catch {
      return false;
    }
  });
