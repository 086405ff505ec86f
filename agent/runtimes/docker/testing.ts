// A world for the tests of this runtime: an engine of its own, with images made from this machine's files. No registry is
// asked.
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
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
import { TEST_ENGINE, type TestEngine, testEngine } from "./testing-engines.ts";

const IMAGE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const quiet = { info() {}, warn() {}, error() {} };

let count = 0;
export const newId = <P extends "exec" | "job" | "prov">(prefix: P) =>
  formatId(prefix, Date.now() + count++, crypto.getRandomValues(new Uint8Array(10)));

export interface Stand extends Pick<TestEngine, "command" | "remove" | "starts"> {
  readonly folder: string;
  readonly socket: string;
  readonly engine: Engine;
  readonly found: () => Promise<Found>;
  open(root?: string): Promise<Runtime>;
  /** @param dress makes the files of the image in a directory */
  image(name: string, changes: readonly string[], dress: (root: string) => void): void;
  endService(): Promise<void>;
  startService(): Promise<void>;
  close(): Promise<void>;
}

/** @param plainRegistries host:port of those that speak no TLS */
export async function openStand(plainRegistries: readonly string[] = []): Promise<Stand> {
  const folder = mkdtempSync(join(tmpdir(), `berth-${TEST_ENGINE}-`));
  const service = testEngine(folder, plainRegistries);
  const { socket, command, remove, starts } = service;
  const runtimes: Runtime[] = [];
  const found = () => findEngine({ DOCKER_HOST: `unix://${socket}` });
  await service.start();
  const answer = await found();
  if (!("engine" in answer)) throw new Error(answer.why);

  return {
    ...{ folder, socket, engine: answer.engine, found, command, remove, starts },
    ...{ startService: service.start, endService: service.kill },
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
      command("import", ...[`ENV PATH=${IMAGE_PATH}`, ...changes].flatMap((one) => ["--change", one]), tar, name);
    },
    async close() {
      for (const runtime of runtimes) runtime.close();
      await service.close();
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

/** Unpacked here, and never installed: a developer's machine is to get no daemon by its tests. */
const UNPACKED = new URL("../../../node_modules/.cache/berth/openssh-server", import.meta.url).pathname;
const SSHD = "usr/sbin/sshd";

/** Libraries of an unpacked package come before this machine's. */
function librariesOf(root: string): string {
  const folders = ["lib", "usr/lib"].map((folder) => join(root, folder, `${MULTIARCH[process.arch] ?? ""}-linux-gnu`));
  const env = root === "/" ? process.env : { ...process.env, LD_LIBRARY_PATH: folders.join(":") };
  return execFileSync("ldd", [join(root, SSHD)], { encoding: "utf8", env });
}

const MULTIARCH: Record<string, string> = { x64: "x86_64", arm64: "aarch64" };

/** @returns where a Debian's sshd is: on this machine, or unpacked from its package, which is downloaded once */
function findSshd(): { readonly root: string } | { readonly why: string } {
  if (existsSync(join("/", SSHD))) return { root: "/" };
  const fresh = `${UNPACKED}.${process.pid}`;
  try {
    if (!existsSync(UNPACKED)) {
      mkdirSync(fresh, { recursive: true });
      execFileSync("apt-get", ["download", "-q", "openssh-server", "libwrap0"], { cwd: fresh, stdio: "pipe" });
      for (const name of readdirSync(fresh)) execFileSync("dpkg", ["-x", join(fresh, name), fresh]);
      renameSync(fresh, UNPACKED);
    }
    const missing = librariesOf(UNPACKED).match(/\S+(?= => not found)/g);
    return missing ? { why: `openssh-server lacks ${missing.join(", ")} here` } : { root: UNPACKED };
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    const why = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    return { why: `openssh-server is not here and cannot be downloaded (${why}): apt install openssh-server` };
  }
}

/**
 * What makes the files of an image that can be logged in to: busybox, sshd and the libraries that it loads. Or why there
 * is none, which is said aloud.
 */
export function sshdImage(): { readonly dress: (root: string) => void } | { readonly why: string } {
  const found = findSshd();
  if ("why" in found) {
    process.stderr.write(`Rentals in containers are not tested: ${found.why}\n`);
    return found;
  }
  return {
    dress(root) {
      busybox(root);
      for (const folder of ["lib64", "usr/sbin"]) mkdirSync(join(root, folder), { recursive: true });
      copyFileSync(join(found.root, SSHD), join(root, SSHD));
      for (const [path] of librariesOf(found.root).matchAll(/\/\S+\.so\S*/g)) {
        const inside = path.startsWith(UNPACKED) ? path.slice(UNPACKED.length) : path;
        mkdirSync(join(root, dirname(inside)), { recursive: true });
        copyFileSync(path, join(root, inside));
      }
    },
  };
}

export function batchSpec(image: string, command: readonly string[], change: Partial<BatchSpec> = {}): BatchSpec {
  return {
    ...{ id: newId("exec"), jobId: newId("job"), providerId: newId("prov"), kind: "batch", image, command },
    ...{
      registryLogin: null,
      inputData: "",
      files: [],
      network: false,
      cpuCores: 1,
      memoryMb: 128,
      diskGb: 1,
      gpuUuids: [],
      env: {},
    },
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
