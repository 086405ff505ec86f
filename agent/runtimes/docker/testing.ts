// A world for the tests of this runtime: a Podman of its own, in directories of its own, with images made from this
// machine's files. No registry is asked.
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { BatchSpec, ExecutionSpec } from "../../../domain/execution/spec.ts";
import { type ExecutionId, formatId, isId } from "../../../domain/ids.ts";
import type { ExecutionReport } from "../../../protocol/agent.ts";
import { until } from "../../processes.ts";
import type { FinishedRun } from "../finished-run.ts";
import type { Runtime } from "../runtime.ts";
import { openDockerRuntime } from "./docker-runtime.ts";
import { type Engine, type Found, findEngine } from "./engine.ts";

const IMAGE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const quiet = { info() {}, warn() {}, error() {} };

/** Why the tests on a real engine cannot run here; undefined where they can. */
export const whyNoPodman: string | undefined =
  spawnSync("podman", ["--version"]).error !== undefined
    ? "podman is not installed: apt install podman"
    : !existsSync("/bin/busybox")
      ? "busybox is not installed: apt install busybox-static"
      : process.getuid?.() !== 0
        ? "Podman's service wants root here"
        : undefined;

let count = 0;
export const newId = <P extends "exec" | "job" | "prov">(prefix: P) =>
  formatId(prefix, Date.now() + count++, crypto.getRandomValues(new Uint8Array(10)));

export interface Stand {
  readonly folder: string;
  readonly socket: string;
  readonly engine: Engine;
  readonly found: () => Promise<Found>;
  open(root?: string): Promise<Runtime>;
  podman(...args: string[]): string;
  /** @param dress makes the files of the image in a directory */
  image(name: string, changes: readonly string[], dress: (root: string) => void): void;
  endService(): Promise<void>;
  startService(): Promise<void>;
  close(): Promise<void>;
}

export async function openStand(): Promise<Stand> {
  const folder = mkdtempSync(join(tmpdir(), "berth-podman-"));
  const socket = join(folder, "podman.sock");
  const env = { ...process.env, DOCKER_HOST: undefined };
  const place = ["--root", join(folder, "root"), "--runroot", join(folder, "run"), "--tmpdir", join(folder, "tmp")];
  const base = [...place, "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "file"];
  const podman = (...args: string[]) =>
    execFileSync("podman", [...base, ...args], { env, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] }).trim();
  const runtimes: Runtime[] = [];
  const found = () => findEngine({ DOCKER_HOST: `unix://${socket}` });
  let service: ChildProcess | undefined;

  async function startService(): Promise<void> {
    const args = [...base, "system", "service", "--time=0", `unix://${socket}`];
    service = spawn("podman", args, { env, stdio: "ignore" });
    if (!(await until(async () => "engine" in (await found()), 20_000))) throw new Error("podman does not serve");
  }

  async function endService(): Promise<void> {
    if (!service || service.exitCode !== null || service.signalCode !== null) return;
    service.kill("SIGKILL");
    await once(service, "exit");
    rmSync(socket, { force: true });
  }

  await startService();
  const answer = await found();
  if (!("engine" in answer)) throw new Error(answer.why);

  return {
    ...{ folder, socket, engine: answer.engine, found, podman, startService, endService },
    async open(root = join(folder, `executions-${count++}`)) {
      const runtime = await openDockerRuntime({ root, publicHost: "203.0.113.7", log: quiet, find: found });
      runtimes.push(runtime);
      return runtime;
    },
    image(name, changes, dress) {
      const root = join(folder, `image-${count++}`);
      mkdirSync(root);
      dress(root);
      const tar = join(folder, `image-${count++}.tar`);
      execFileSync("tar", ["-C", root, "-cf", tar, "."]);
      podman("import", "-q", ...[`ENV PATH=${IMAGE_PATH}`, ...changes].flatMap((one) => ["--change", one]), tar, name);
    },
    async close() {
      for (const runtime of runtimes) runtime.close();
      podman("rm", "-af", "-t", "0");
      await endService();
      spawnSync("podman", [...base, "system", "reset", "-f"], { env });
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Busybox with all its programs. */
export function busybox(root: string): void {
  for (const folder of ["bin", "etc", "root", "tmp"]) mkdirSync(join(root, folder));
  copyFileSync("/bin/busybox", join(root, "bin/busybox"));
  for (const name of execFileSync("/bin/busybox", ["--list"], { encoding: "utf8" }).trim().split("\n"))
    if (name !== "busybox") symlinkSync("busybox", join(root, "bin", name));
  writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nada:x:1000:1000::/:/bin/sh\n");
  writeFileSync(join(root, "etc/group"), "root:x:0:\n");
}

/** A Debian that has openssh-server: this machine, or the one unpacked in that folder. */
const SSHD_ROOT = process.env.BERTH_TEST_SSHD_ROOT ?? "/";

/** Why nothing can be logged in to; undefined where something can. */
export const whyNoSshd: string | undefined = existsSync(join(SSHD_ROOT, "usr/sbin/sshd"))
  ? undefined
  : "openssh-server is not installed: apt install openssh-server, or BERTH_TEST_SSHD_ROOT=/a/debian/with/it";

/** Busybox, and that Debian's sshd with the libraries it loads. */
export function withSshd(root: string): void {
  busybox(root);
  mkdirSync(join(root, "lib64"));
  copyInto(root, "/usr/sbin/sshd");
  const libraries = execFileSync("chroot", [SSHD_ROOT, "ldd", "/usr/sbin/sshd"], { encoding: "utf8" });
  for (const [path] of libraries.matchAll(/\/\S+\.so\S*/g)) copyInto(root, path);
}

function copyInto(root: string, path: string): void {
  mkdirSync(join(root, dirname(path)), { recursive: true });
  copyFileSync(join(SSHD_ROOT, path), join(root, path));
}

export function batchSpec(image: string, command: readonly string[], change: Partial<BatchSpec> = {}): BatchSpec {
  return {
    ...{ id: newId("exec"), jobId: newId("job"), providerId: newId("prov"), kind: "batch", image, command },
    ...{ inputData: "", files: [], network: false, cpuCores: 1, memoryMb: 128, diskGb: 1, gpuUuids: [], env: {} },
    ...{ timeoutSeconds: 60, deadline: "2099-01-01T00:00:00.000Z" },
    ...change,
  };
}

export function rentalSpec(image: string, keys: { host: string; own: string }, change: Partial<ExecutionSpec> = {}) {
  const spec: ExecutionSpec = {
    ...{ id: newId("exec"), jobId: newId("job"), providerId: newId("prov"), kind: "rental", image, cpuCores: 1 },
    ...{ memoryMb: 256, diskGb: 1, gpuUuids: [], env: {}, sshPublicKeys: [keys.own], sshHostKey: keys.host },
    ...{ command: null, registryLogin: null, deadline: "2099-01-01T00:00:00.000Z" },
    ...change,
  };
  return spec;
}

export function reportOf(runtime: Runtime, id: ExecutionId): ExecutionReport | undefined {
  return runtime.list().find((report) => report.id === id);
}

export async function stateOf(
  runtime: Runtime,
  id: ExecutionId,
  state: ExecutionReport["state"],
  withinMs = 40_000,
): Promise<ExecutionReport> {
  const there = () => {
    const now = reportOf(runtime, id)?.state;
    return now === state || now === "ended";
  };
  await until(there, withinMs);
  const report = reportOf(runtime, id);
  if (report?.state !== state) throw new Error(`not ${state}: ${JSON.stringify(report)}`);
  return report;
}

export async function resultOf(runtime: Runtime, id: ExecutionId, withinMs?: number): Promise<FinishedRun> {
  await stateOf(runtime, id, "ended", withinMs);
  const result = isId("exec", id) ? await runtime.result(id) : null;
  if (!result) throw new Error("it has no result");
  return result;
}
