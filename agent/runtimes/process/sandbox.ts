// The sandbox: one long-lived bubblewrap per execution with namespaces of its own for files, processes, network, IPC and
// host name. Commands enter it with nsenter, so that they share one /tmp, one process table and one loopback, and what
// a customer leaves in the background survives the logout. Works as root and as an ordinary account.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { accessSync, constants, existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { writeWhole } from "../../files.ts";
import { onlyThese, pidsInNamespaceOf, procStat, trySignal, until } from "../../processes.ts";
import { createConnector } from "./connector.ts";
import { shellExports } from "./environment.ts";
import type { Launch, Room } from "./room.ts";

export const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const START_TIMEOUT_MS = 15_000;
/** First process inside: it outlives every session, collects orphans, and cannot be killed from inside. */
const INIT = "echo ready; exec >/dev/null 2>&1; while :; do sleep 2147483 & wait $!; done";
/** Inside, without capabilities: take the variables from their file, so that no command line shows them. */
const ENTER = '. /etc/berth/environment; export TERM="$1"; shift; exec "$@"';
/** Parts of /etc that programs need and that tell nothing about the machine's people. */
const SHARED_ETC = [
  "ld.so.cache",
  "ld.so.conf",
  "ld.so.conf.d",
  "ssl",
  "alternatives",
  "terminfo",
  "localtime",
  "mime.types",
];
const ROOT_DIRECTORIES = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

interface Tools {
  readonly bwrap: string;
  readonly nsenter: string;
  readonly setpriv: string;
}

export interface SandboxWish {
  /** Directory that becomes /root inside, writable. */
  readonly home: string;
  /** Directory of the sandbox's own passwd and the like; made if absent. */
  readonly system: string;
  readonly hostname: string;
  readonly gpuUuids: readonly string[];
}

/** @returns absolute path of a program, looked for where systems keep them unless told otherwise */
export function findProgram(program: string, directories = SYSTEM_PATH.split(":")): string | undefined {
  return directories
    .map((directory) => join(directory, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

function findTools(): Tools | undefined {
  const bwrap = findProgram("bwrap");
  const nsenter = findProgram("nsenter");
  const setpriv = findProgram("setpriv");
  return bwrap && nsenter && setpriv && process.platform === "linux" ? { bwrap, nsenter, setpriv } : undefined;
}

/** Whether a sandbox works here, by making one and running a command in it. @returns why not, or undefined */
export async function whyNoSandbox(): Promise<string | undefined> {
  if (!findTools())
    return "bubblewrap (bwrap), nsenter and setpriv are needed: on Debian `apt install bubblewrap util-linux`";
  const dir = await mkdtemp(join(tmpdir(), "berth-probe-"));
  try {
    await mkdir(join(dir, "home"));
    const wish = { home: join(dir, "home"), system: join(dir, "system"), hostname: "probe", gpuUuids: [] };
    const room = await startSandbox(wish);
    try {
      const { file, args, env, cwd } = await room.launch(["sh", "-c", 'test -d /proc/self && printf %s "$PROOF"'], {
        PROOF: "inside",
      });
      const { stdout } = await promisify(execFile)(file, args, { env: onlyThese(env), cwd, timeout: START_TIMEOUT_MS });
      return stdout === "inside" ? undefined : "a command in the sandbox did not answer";
    } finally {
      await room.end(0);
    }
  } catch (error) {
    return `bubblewrap does not work here: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Starts the sandbox. Rejects where it cannot be made; nothing is left running then. */
export async function startSandbox(wish: SandboxWish): Promise<Room> {
  const tools = findTools();
  if (!tools) throw new Error("bubblewrap, nsenter or setpriv is missing");
  await writeSystemFiles(wish.system, wish.hostname);
  const options = [...walls(wish), "--as-pid-1", "--info-fd", "3"];
  const child = spawn(tools.bwrap, [...options, "sh", "-c", INIT], {
    env: onlyThese({}), // what bwrap is given, the first process inside would show in /proc/1/environ
    cwd: "/",
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  const gone = new Promise<string>((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("exit", (code, signal) => resolve(`the sandbox ended (${signal ?? code})`));
  });
  const initPid = await untilReady(child, gone);
  return roomOf(tools, wish.system, initPid, child, gone);
}

async function untilReady(child: ChildProcess, gone: Promise<string>): Promise<number> {
  let info = "";
  let output = "";
  let errors = "";
  child.stdio[3]?.on("data", (chunk: Buffer) => {
    info += chunk;
  });
  child.stdout?.on("data", (chunk: Buffer) => {
    output += chunk;
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    errors = (errors + chunk).slice(-2000);
  });
  let end: string | undefined;
  void gone.then((why) => {
    end = why;
  });
  const initPid = () => Number(/"child-pid":\s*(\d+)/.exec(info)?.[1] ?? 0);
  await until(() => end !== undefined || (output.includes("ready") && initPid() > 0), START_TIMEOUT_MS, 5);
  if (end !== undefined || initPid() === 0 || !output.includes("ready")) {
    child.kill("SIGKILL");
    throw new Error(errors.trim() || end || "the sandbox did not start in time");
  }
  return initPid();
}

/**
 * Options of a bubblewrap that runs one command to its end, for `--args`: on a command line everybody would see the
 * variables. All that is left inside dies with the command.
 */
export function commandArguments(wish: SandboxWish, environment: Readonly<Record<string, string>>): string[] {
  const variables = Object.entries(environment).flatMap(([name, value]) => ["--setenv", name, value]);
  return [...walls(wish), ...variables];
}

function roomOf(tools: Tools, system: string, initPid: number, child: ChildProcess, gone: Promise<string>): Room {
  const enter = [...nsenter(initPid), "-m", "-p", "-i", "-u"];
  // Entering the user namespace grants its capabilities: they are given up for good before anything of the customer runs.
  const dropAll = [
    tools.setpriv,
    "--bounding-set=-all",
    "--inh-caps=-all",
    "--no-new-privs",
    "env",
    "-i",
    "-C",
    "/root",
  ];
  const connector = createConnector(tools.nsenter, nsenter(initPid));
  let written = "";
  return {
    home: "/root",
    initPid,
    gone,
    connect: (port) => connector.connect(port),
    async launch(argv, { TERM = "dumb", ...environment }): Promise<Launch> {
      const exports = shellExports(environment);
      if (exports !== written) await writeWhole(join(system, "environment"), exports);
      written = exports;
      const args = [...enter, ...dropAll, "sh", "-c", ENTER, "sh", TERM, ...argv];
      return { file: tools.nsenter, args, env: { PATH: SYSTEM_PATH }, cwd: "/" };
    },
    async end(graceMs) {
      connector.close();
      const inside = () => pidsInNamespaceOf(initPid).filter((pid) => pid !== initPid && !isKeeper(pid, initPid));
      for (const pid of inside()) trySignal(pid, "SIGTERM");
      await until(() => inside().length === 0, graceMs);
      trySignal(initPid, "SIGKILL"); // the kernel kills all the rest of the namespace with it
      child.kill("SIGKILL");
      await gone;
      await until(() => inside().length === 0, START_TIMEOUT_MS);
    },
  };
}

const nsenter = (pid: number) => ["-t", String(pid), "-U", "--preserve-credentials", "-n"];

/** The sleep of INIT. */
function isKeeper(pid: number, initPid: number): boolean {
  const stat = procStat(pid);
  return stat === undefined || (stat.parent === initPid && stat.command === "sleep");
}

/** What every sandbox here is, whatever runs in it and however that is started. */
function walls({ home, system, hostname, gpuUuids }: SandboxWish): string[] {
  const root = ROOT_DIRECTORIES.flatMap((name) => {
    const path = `/${name}`;
    if (!existsSync(path)) return [];
    return lstatSync(path).isSymbolicLink() ? ["--symlink", readlinkSync(path), path] : ["--ro-bind", path, path];
  });
  const etc = SHARED_ETC.flatMap((name) => ["--ro-bind-try", `/etc/${name}`, `/etc/${name}`]);
  const ownEtc = OWN_ETC.flatMap((name) => ["--ro-bind", join(system, name), `/etc/${name}`]);
  const gpus = gpuDevices(gpuUuids).flatMap((path) => ["--dev-bind-try", path, path]);
  return [
    ...["--unshare-user", "--uid", "0", "--gid", "0", "--cap-drop", "ALL"],
    // As an ordinary account a second user namespace would lock nsenter out; there nested ones gain nothing anyway.
    ...(process.geteuid?.() === 0 ? ["--disable-userns"] : []),
    ...["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net", "--unshare-cgroup-try"],
    ...["--die-with-parent", "--new-session"],
    ...["--hostname", hostname, "--clearenv", "--setenv", "PATH", SYSTEM_PATH],
    ...["--ro-bind", "/usr", "/usr", ...root],
    // Read-only: where the agent is root, so is uid 0 inside, and the kernel's settings in /proc/sys ask for no more.
    ...["--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev", ...gpus],
    ...["--tmpfs", "/tmp", "--dir", "/run", "--dir", "/var/tmp"],
    ...["--dir", "/etc", ...etc, ...ownEtc, "--ro-bind", system, "/etc/berth"],
    ...["--bind", home, "/root", "--chdir", "/root"],
  ];
}

const PROFILE = "umask 022\nif [ -n \"$BASH_VERSION\" ]; then PS1='[berth] \\w\\$ '; else PS1='[berth] $ '; fi\n";
const OWN_ETC = ["passwd", "group", "hosts", "hostname", "nsswitch.conf", "profile", "bash.bashrc"];

export async function writeSystemFiles(system: string, hostname: string): Promise<void> {
  await mkdir(system, { recursive: true, mode: 0o755 });
  const files: Record<string, string> = {
    passwd: "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    group: "root:x:0:\nnogroup:x:65534:\n",
    hosts: `127.0.0.1 localhost ${hostname}\n::1 localhost\n`,
    hostname: `${hostname}\n`,
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    profile: PROFILE,
    "bash.bashrc": PROFILE,
    environment: "",
  };
  for (const [name, contents] of Object.entries(files)) await writeWhole(join(system, name), contents, 0o644);
}

/** Device files of the held GPUs only, by what the driver says of each. None held or no driver: none. */
function gpuDevices(uuids: readonly string[]): string[] {
  const root = "/proc/driver/nvidia/gpus";
  if (uuids.length === 0 || !existsSync(root)) return [];
  const cards = readdirSync(root).flatMap((bus) => {
    const text = readFileSync(join(root, bus, "information"), "utf8");
    const uuid = /^GPU UUID:\s*(\S+)/m.exec(text)?.[1];
    const minor = /^Device Minor:\s*(\d+)/m.exec(text)?.[1];
    return uuid !== undefined && minor !== undefined && uuids.includes(uuid) ? [`/dev/nvidia${minor}`] : [];
  });
  return cards.length === 0 ? [] : [...cards, "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"];
}
