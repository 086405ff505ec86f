// A built program in a process of its own, started and ended as often as a test or a benchmark likes.
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** On a machine that is busy with much else a start takes most of a minute. */
const STARTS_WITHIN_MS = 180_000;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One of the programs in dist/, started and ended as often as a test likes. */
export interface Program {
  /** Resolves once it works. */
  start(): Promise<void>;
  /** Sends the signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<Exit>;
  /** Stands still, as a virtual machine that is moved does; `on` goes on from there. */
  pause(): void;
  on(): void;
  /** while it runs */
  readonly pid: number | undefined;
  /** Ends that no test asked for. */
  readonly crashes: readonly Exit[];
}

/**
 * @param name of its file in dist/
 * @param logFile what it says is added there
 */
export function program(
  name: string,
  logFile: string,
  env: NodeJS.ProcessEnv,
  works: (log: string) => Promise<boolean>,
  args: readonly string[] = [],
): Program {
  const crashes: Exit[] = [];
  let running: { readonly child: ChildProcess; readonly ended: Promise<Exit> } | undefined;
  const lastWords = async () => (await readFile(logFile, "utf8").catch(() => "")).split("\n").slice(-15).join("\n");

  return {
    crashes,
    get pid() {
      return running?.child.pid;
    },
    async start() {
      const log = createWriteStream(logFile, { flags: "a" });
      const child = spawn(process.execPath, ["--enable-source-maps", `dist/${name}.mjs`, ...args], {
        cwd: ROOT,
        env,
        stdio: ["ignore", "pipe", "pipe"],
      });
      let said = "";
      for (const stream of [child.stdout, child.stderr]) {
        stream.pipe(log, { end: false });
        stream.on("data", (chunk: Buffer) => {
          said = (said + chunk.toString()).slice(-10_000);
        });
      }
      const ended = new Promise<Exit>((resolve) =>
        child.once("exit", (code, signal) => {
          log.end();
          if (running?.child === child) crashes.push({ code, signal });
          resolve({ code, signal });
        }),
      );
      running = { child, ended };
      const deadlineMs = Date.now() + STARTS_WITHIN_MS;
      while (!(await works(said))) {
        if (child.exitCode !== null || Date.now() > deadlineMs)
          throw new Error(`the ${name} does not start:\n${await lastWords()}`);
        await new Promise((wake) => setTimeout(wake, 25));
      }
    },
    pause: () => void running?.child.kill("SIGSTOP"),
    on: () => void running?.child.kill("SIGCONT"),
    async end(signal) {
      const ending = running;
      if (!ending) return { code: null, signal: null };
      running = undefined;
      ending.child.kill(signal);
      return ending.ended;
    },
  };
}

/** Whether an address answers with success. */
export async function answers(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
  return response?.ok ?? false;
}
