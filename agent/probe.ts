// What the checks ask of this machine, and how it answers.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, statfs } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { detectGpus } from "./detect.ts";
import { describeEngine } from "./runtimes/docker/engine-facts.ts";
import { findProgram } from "./runtimes/process/sandbox.ts";
import { findRuntime } from "./runtimes/registry.ts";

/** What the checks ask the machine; tests answer instead of it. */
export interface Probe {
  readonly platform: string;
  readonly uid: number;
  readonly nodeVersion: string;
  readonly nodePath: string;
  exists(path: string): boolean;
  /** @returns the first of the directories of PATH and sbin that has it */
  which(program: string): string | undefined;
  freeGb(path: string): Promise<number>;
  /** @returns what the broker's /health answers: the status, and its clock in milliseconds where it told */
  health(broker: string): Promise<{ readonly status: number; readonly dateMs: number | undefined }>;
  nowMs(): number;
  /** Whether a port of this machine can be listened on. */
  portFree(port: number): Promise<boolean>;
  gpus(): ReturnType<typeof detectGpus>;
  whyNoSandbox(): Promise<string | undefined>;
  /** The container engine of this machine, or why there is none. */
  engine(): Promise<EngineFound | { readonly why: string; readonly fix: string }>;
  swapOn(): Promise<boolean>;
}

export interface EngineFound {
  readonly kind: "docker" | "podman";
  /** as people know it: its kind and its version */
  readonly name: string;
  readonly socket: string;
  /** whether it can give NVIDIA's devices to a container */
  readonly gpus: boolean;
}

const DIRECTORIES = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** This machine itself. */
export function realProbe(): Probe {
  return {
    platform: process.platform,
    uid: process.getuid?.() ?? 0,
    nodeVersion: process.version,
    nodePath: process.execPath,
    exists: existsSync,
    which: (program) => {
      const directories = [...(process.env.PATH ?? "").split(":"), ...DIRECTORIES];
      return findProgram(
        program,
        directories.filter((directory) => directory.startsWith("/")),
      );
    },
    async freeGb(path) {
      let place = path;
      while (!existsSync(place) && dirname(place) !== place) place = dirname(place);
      const disk = await statfs(place);
      return Math.floor((disk.bavail * disk.bsize) / 1e9);
    },
    async health(broker) {
      const response = await fetch(new URL("/health", broker), {
        redirect: "manual",
        signal: AbortSignal.timeout(10_000),
      });
      await response.body?.cancel();
      const dateMs = Date.parse(response.headers.get("date") ?? "");
      return { status: response.status, dateMs: Number.isFinite(dateMs) ? dateMs : undefined };
    },
    nowMs: Date.now,
    portFree: (port) =>
      new Promise((resolve) => {
        const server = createServer();
        server.once("error", () => resolve(false));
        server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
      }),
    gpus: () => detectGpus(),
    whyNoSandbox: async () => {
      try {
        return (await findRuntime("process")).whyNoSandbox;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    },
    engine: describeEngine,
    swapOn: async () => (await readFile("/proc/swaps", "utf8").catch(() => "")).trim().split("\n").length > 1,
  };
}

/** Runs a program to its end. @returns its exit code and what it said; 127 where it is not there */
export function runProgram(command: readonly string[]): Promise<{ readonly code: number; readonly out: string }> {
  const [file = "false", ...args] = command;
  return new Promise((resolve) => {
    execFile(file, args, { timeout: 120_000 }, (error, stdout, stderr) => {
      const code = error ? (typeof error.code === "number" ? error.code : 127) : 0;
      resolve({ code, out: `${stdout}${stderr}`.trim() });
    });
  });
}
