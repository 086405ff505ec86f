// Engines for the tests of this runtime: a Podman or a Docker of its own, in directories of its own.
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { until } from "../../processes.ts";
import { type EngineKind, findEngine } from "./engine.ts";

/** Which one: Podman, unless `BERTH_TEST_ENGINE=docker`. */
export const TEST_ENGINE: EngineKind = z
  .enum(["podman", "docker"], "BERTH_TEST_ENGINE is podman or docker")
  .default("podman")
  .parse(process.env.BERTH_TEST_ENGINE);
const INSTALL: Record<EngineKind, readonly [program: string, fix: string]> = {
  podman: ["podman", "podman is not installed: apt install podman"],
  docker: ["dockerd", "docker is not installed: apt install docker.io"],
};
const [PROGRAM, MISSING] = INSTALL[TEST_ENGINE];

/** Why the tests on a real engine cannot run here; undefined where they can. */
export const whyNoEngine: string | undefined =
  spawnSync(PROGRAM, ["--version"]).error !== undefined
    ? MISSING
    : !existsSync("/bin/busybox")
      ? "busybox is not installed: apt install busybox-static"
      : process.getuid?.() !== 0
        ? "an engine's service wants root here"
        : undefined;

export interface TestEngine {
  readonly socket: string;
  /** what its own program says */
  command(...args: string[]): string;
  /** Resolves once it answers. */
  start(): Promise<void>;
  /** By a SIGKILL: containers go on. */
  kill(): Promise<void>;
  /** Whether it runs or not. */
  remove(...names: readonly string[]): void;
  /** How often each container was started, by its name. */
  starts(): Map<string, number>;
  /** Takes every container and the engine away. */
  close(): Promise<void>;
}

/** @param plainRegistries host:port of those that speak no TLS */
export function testEngine(folder: string, plainRegistries: readonly string[]): TestEngine {
  return TEST_ENGINE === "docker" ? ownDocker(folder, plainRegistries) : ownPodman(folder, plainRegistries);
}

const ENDS_WITHIN_MS = 30_000;

async function answering(socket: string): Promise<void> {
  const there = async () => "engine" in (await findEngine({ DOCKER_HOST: `unix://${socket}` }));
  if (!(await until(there, 20_000))) throw new Error(`${PROGRAM} does not serve`);
}

async function end(service: ChildProcess | undefined, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
  if (!service || service.exitCode !== null || service.signalCode !== null) return;
  service.kill(signal);
  await once(service, "exit", { signal: AbortSignal.timeout(ENDS_WITHIN_MS) });
}

function counted(names: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names.split("\n")) if (name !== "") counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function ownPodman(folder: string, plainRegistries: readonly string[]): TestEngine {
  const socket = join(folder, "podman.sock");
  const registries = join(folder, "registries.conf");
  writeFileSync(
    registries,
    plainRegistries.map((at) => `[[registry]]\nlocation = "${at}"\ninsecure = true\n`).join(""),
  );
  const env = { ...process.env, DOCKER_HOST: undefined, CONTAINERS_REGISTRIES_CONF: registries };
  const place = ["--root", join(folder, "root"), "--runroot", join(folder, "run"), "--tmpdir", join(folder, "tmp")];
  const base = [...place, "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "file"];
  const command = (...args: string[]) =>
    execFileSync("podman", [...base, ...args], { env, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] }).trim();
  const remove = (...names: readonly string[]) => void command("rm", "-f", "-t", "0", ...names);
  let service: ChildProcess | undefined;
  async function kill(): Promise<void> {
    await end(service, "SIGKILL");
    rmSync(socket, { force: true });
  }
  return {
    ...{ socket, command, remove, kill },
    async start() {
      const args = [...base, "system", "service", "--time=0", `unix://${socket}`];
      // Where it runs it leaves an empty file `oom` when a container runs out of memory.
      service = spawn("podman", args, { env, cwd: folder, stdio: "ignore" });
      await answering(socket);
    },
    starts: () => counted(command("events", "--stream=false", "--filter", "event=start", "--format", "{{.Name}}")),
    async close() {
      remove("-a");
      await kill();
      spawnSync("podman", [...base, "system", "reset", "-f"], { env });
    },
  };
}

/** What a dockerd that was killed once leaves. */
function unmountBelow(folder: string): void {
  const mounted = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "");
  for (const path of mounted.filter((one) => one.startsWith(`${folder}/`)).reverse()) execFileSync("umount", [path]);
}

const CONTAINERD = `version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri"]
`;

/**
 * With `--live-restore`, and a containerd that is not its child, containers outlive it as Podman's do. It makes no rule of
 * the machine's firewall: what is published is reached through its proxy.
 */
function ownDocker(folder: string, plainRegistries: readonly string[]): TestEngine {
  const socket = join(folder, "docker.sock");
  const env = { ...process.env, DOCKER_HOST: `unix://${socket}` };
  const command = (...args: string[]) =>
    execFileSync("docker", args, { env, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] }).trim();
  const remove = (...names: readonly string[]) => void command("rm", "-f", "-v", ...names);
  const listed = (...args: string[]) =>
    command(...args)
      .split("\n")
      .filter((line) => line !== "");
  const started = join(folder, "started");
  const containers = { config: join(folder, "containerd.toml"), socket: join(folder, "containerd.sock") };
  writeFileSync(containers.config, CONTAINERD);
  let containerd: ChildProcess | undefined;
  let service: ChildProcess | undefined;
  let heard: ChildProcess | undefined;

  function logged(program: string, args: readonly string[]): ChildProcess {
    const log = openSync(join(folder, `${program}.log`), "a");
    const child = spawn(program, args, { cwd: folder, stdio: ["ignore", log, log] });
    closeSync(log);
    return child;
  }

  return {
    ...{ socket, command, remove },
    async start() {
      const { config, socket: address } = containers;
      const state = ["--root", join(folder, "containerd"), "--state", join(folder, "tasks")];
      containerd ??= logged("containerd", ["--config", config, "--address", address, ...state]);
      if (!(await until(() => existsSync(address), ENDS_WITHIN_MS))) throw new Error("containerd does not serve");
      const place = ["--data-root", join(folder, "data"), "--exec-root", join(folder, "exec")];
      const base = [...place, "--pidfile", join(folder, "pid"), "-H", `unix://${socket}`, "--containerd", address];
      const alone = ["--live-restore", "--bridge", "none", "--iptables=false", "--ip6tables=false"];
      const insecure = plainRegistries.flatMap((at) => ["--insecure-registry", at]);
      service = logged("dockerd", [...base, ...alone, ...insecure, "--storage-driver", "vfs"]);
      await answering(socket);
      // It remembers its last 256 events only.
      const events = openSync(started, "a");
      const all = ["events", "--filter", "event=start", "--format", "{{.Actor.Attributes.name}}"];
      heard = spawn("docker", all, { env, stdio: ["ignore", events, "ignore"] });
      closeSync(events);
    },
    async kill() {
      await end(service, "SIGKILL");
      await end(heard, "SIGTERM");
    },
    starts: () => counted(readFileSync(started, "utf8")),
    async close() {
      const all = listed("ps", "-aq");
      if (all.length > 0) remove(...all);
      const networks = listed("network", "ls", "-q", "--filter", "type=custom");
      if (networks.length > 0) command("network", "rm", ...networks);
      for (const one of [service, heard, containerd]) await end(one, "SIGTERM");
      unmountBelow(folder);
    },
  };
}
