// A real redis-server of our own for tests: on loopback, in a folder of its own, ended by its process id.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./embedded-postgres.ts";
import { commandOf, endProcess, isAlive } from "./processes.ts";

export const REDIS_MISSING =
  "redis-server is not installed. Get it with `apt-get install redis-server` (Debian, Ubuntu) or `brew install redis` (macOS).";

const HOME = join(tmpdir(), "berth-test-redis");
const PID_FILE = "redis.pid";
const STARTS_WITHIN_MS = 20_000;
const STOPS_WITHIN_MS = 10_000;

export interface RunningRedis {
  readonly url: string;
  readonly port: number;
  /** Ends the server and leaves its folder, as a machine that is switched off. */
  halt(data: "kept" | "lost"): Promise<void>;
  /** Starts it again on the same port after `halt`. */
  resume(): Promise<void>;
  /** Ends the server and removes what it left. */
  stop(): Promise<void>;
}

/**
 * Starts a redis-server that writes nothing by itself.
 * @throws where redis-server is not installed, with the sentence that says how to get it
 */
export async function startRedis(): Promise<RunningRedis> {
  await mkdir(HOME, { recursive: true });
  await sweepKilledRuns();
  const folder = await mkdtemp(join(HOME, `${process.pid}-`));
  const port = await freePort();
  let server: ChildProcess | null = null;

  async function resume(): Promise<void> {
    server = await launch(folder, port);
  }
  async function halt(data: "kept" | "lost"): Promise<void> {
    const child = server;
    server = null;
    if (child?.pid === undefined) return;
    if (data === "kept") {
      await ask(port, "SAVE", "+OK");
      await endProcess(child.pid, "SIGKILL", STOPS_WITHIN_MS);
    } else {
      await endProcess(child.pid, "SIGKILL", STOPS_WITHIN_MS);
      await rm(join(folder, "dump.rdb"), { force: true });
    }
  }

  await resume();
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    halt,
    resume,
    async stop() {
      await halt("lost");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function launch(folder: string, port: number): Promise<ChildProcess> {
  const settings = {
    bind: "127.0.0.1",
    port: String(port),
    dir: folder,
    save: "",
    appendonly: "no",
    pidfile: join(folder, PID_FILE),
    daemonize: "no",
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn("redis-server", args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const failed = once(child, "error").then(([error]) => {
    throw new Error(isMissing(error) ? REDIS_MISSING : `redis-server did not start: ${String(error)}`);
  });
  const ended = once(child, "exit").then(() => {
    throw new Error(`redis-server ended at once: ${said}`);
  });
  const racing = [failed, ended];
  for (const loser of racing) loser.catch(() => {}); // its end much later is nobody's failure
  await Promise.race([untilItAnswers(port), ...racing]);
  return child;
}

async function untilItAnswers(port: number): Promise<void> {
  const deadline = Date.now() + STARTS_WITHIN_MS;
  for (;;) {
    const answered = await ask(port, "PING", "+PONG").then(
      () => true,
      () => false,
    );
    if (answered) return;
    if (Date.now() > deadline) throw new Error(`redis-server does not answer on port ${port}`);
    await new Promise((wake) => setTimeout(wake, 25));
  }
}

/** @throws where the server answers anything else, or not at all */
async function ask(port: number, command: string, expected: string): Promise<void> {
  const socket = connect({ port, host: "127.0.0.1" });
  try {
    await once(socket, "connect");
    socket.write(`${command}\r\n`);
    const [reply] = await once(socket, "data");
    if (!String(reply).startsWith(expected)) throw new Error(`redis-server answered ${command} with ${String(reply)}`);
  } finally {
    socket.destroy();
  }
}

/** A run that was killed could not end its server; the folder carries the run's process id, and the server's in it. */
async function sweepKilledRuns(): Promise<void> {
  for (const name of await readdir(HOME)) {
    if (isAlive(Number.parseInt(name, 10))) continue;
    const folder = join(HOME, name);
    const pid = Number.parseInt(await readFile(join(folder, PID_FILE), "utf8").catch(() => ""), 10);
    if (pid > 0 && (await commandOf(pid)).includes("redis-server")) await endProcess(pid, "SIGTERM", STOPS_WITHIN_MS);
    await rm(folder, { recursive: true, force: true });
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
