// `install` and `uninstall` on a machine that is a directory, and as a rehearsal on one that is not touched.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { LEAST_DISK_GB } from "../checks.ts";
import { SYSTEM_CONFIG, SYSTEM_DATA } from "../paths.ts";
import type { Probe } from "../probe.ts";
import { type InstallWish, installCommand, type System } from "./install.ts";
import { uninstallCommand } from "./uninstall.ts";

const PATHS = { dataDir: SYSTEM_DATA, config: SYSTEM_CONFIG };
const PROVIDER = "prov_01arz3ndektsv4rrffq69g5fav";
const FLAGS = {
  ...{ broker: "https://berth.example", name: "rig-1", host: "203.0.113.7", price_per_gpu_hour: "0.400000" },
  declared_gpus: [{ count: 2, model: "NVIDIA L4", vram_mb: 23_034 }],
};

function newSystem(change: Partial<Probe> = {}, running = false) {
  const scripts = mkdtempSync(join(tmpdir(), "berth-self-"));
  const script = join(scripts, "agent.mjs");
  writeFileSync(script, "#!/usr/bin/env node\n");
  const ran: string[] = [];
  const probe: Probe = {
    ...{ platform: "linux", uid: 0, nodeVersion: "v20.9.0", nodePath: "/usr/bin/node", exists: () => true },
    which: (program) => `/usr/bin/${program}`,
    freeGb: async () => 400,
    health: async () => ({ status: 200, dateMs: 1_800_000_000_000 }),
    nowMs: () => 1_800_000_000_700,
    portFree: async () => true,
    gpus: async () => [],
    whyNoSandbox: async () => undefined,
    engine: async () => ({ kind: "docker", name: "Docker 27.3.1", socket: "/var/run/docker.sock", gpus: true }),
    swapOn: async () => false,
    ...change,
  };
  const system: System = {
    ...{ probe, self: { node: "/usr/bin/node", script } },
    run: async (command) => {
      ran.push(command.join(" "));
      return { code: command[1]?.startsWith("is-") && !running ? 3 : 0, out: "" };
    },
  };
  return { system, ran, script };
}

/** A machine as a directory, enrolled. */
function newRoot() {
  const root = mkdtempSync(join(tmpdir(), "berth-root-"));
  mkdirSync(join(root, SYSTEM_DATA), { recursive: true });
  writeFileSync(join(root, SYSTEM_DATA, "provider.json"), JSON.stringify({ provider_id: PROVIDER }));
  return root;
}

function install(system: System, change: Partial<InstallWish> = {}) {
  const lines: string[] = [];
  const wish = {
    paths: PATHS,
    flags: FLAGS,
    token: undefined,
    dryRun: false,
    root: undefined,
    force: false,
    ...change,
  };
  return installCommand(wish, (line) => lines.push(line), system).then((code) => ({ code, said: lines.join("\n") }));
}

/** Every file below, with its contents. */
function everything(root: string): Record<string, string> {
  const paths = readdirSync(root, { recursive: true, encoding: "utf8" }).map((path) => join(root, path));
  return Object.fromEntries(
    paths
      .filter((path) => existsSync(path) && statSync(path).isFile())
      .map((path) => [path, readFileSync(path, "utf8")]),
  );
}

test("install writes unit, launcher, program and config, and the second time nothing", async () => {
  const { system, ran } = newSystem();
  const root = newRoot();
  expect(await install(system, { root })).toMatchObject({ code: 0 });
  const unit = readFileSync(join(root, "etc/systemd/system/berth-agent.service"), "utf8");
  expect(unit).toContain("ExecStart=/usr/bin/node /usr/local/lib/berth-agent/berth-agent.mjs start\n");
  expect(readlinkSync(join(root, "etc/systemd/system/multi-user.target.wants/berth-agent.service"))).toBe(
    "/etc/systemd/system/berth-agent.service",
  );
  expect(statSync(join(root, SYSTEM_CONFIG)).mode & 0o777).toBe(0o600);
  expect(statSync(join(root, "usr/local/bin/berth-agent")).mode & 0o777).toBe(0o755);
  const before = everything(root);
  const again = await install(system, { root });
  expect(again).toMatchObject({ code: 0, said: expect.stringContaining("Nothing to change") });
  expect(await install(system, { root, flags: {} })).toMatchObject({
    said: expect.stringContaining("Nothing to change"),
  });
  expect(everything(root)).toEqual(before);
  expect(ran).toEqual([]); // a directory has no systemd
});

test("a rehearsal shows every line it would write and changes nothing", async () => {
  const { system } = newSystem();
  const root = newRoot();
  const before = everything(root);
  const { code, said } = await install(system, { root, dryRun: true });
  expect(code).toBe(0);
  expect(said).toContain(`Would write ${root}/etc/systemd/system/berth-agent.service (mode 0644`);
  expect(said).toContain("    + Restart=always");
  expect(said).toContain('    + broker: "https://berth.example"');
  expect(said).toContain("Nothing was changed.");
  expect(everything(root)).toEqual(before);
});

test("a rehearsal on the machine itself asks systemd and tells it nothing", async () => {
  const { system, ran } = newSystem();
  const dataDir = join(newRoot(), SYSTEM_DATA);
  const { said } = await install(system, { dryRun: true, paths: { dataDir, config: join(dataDir, "agent.yaml") } });
  expect(ran).toEqual([
    "systemctl is-active --quiet berth-agent.service",
    "systemctl is-enabled --quiet berth-agent.service",
  ]);
  for (const command of ["daemon-reload", "enable berth-agent.service", "start berth-agent.service"])
    expect(said).toContain(`Would run: systemctl ${command}`);
  expect(said).toContain(`start --data-dir ${dataDir}\n`);
});

test("a change is shown as a difference, what people wrote in the config stays, and the service is restarted", async () => {
  const { system } = newSystem({}, true);
  const root = newRoot();
  await install(system, { root });
  const config = join(root, SYSTEM_CONFIG);
  writeFileSync(config, `# mine\n${readFileSync(config, "utf8")}`);
  const { said } = await install(system, { root, dryRun: true, flags: { broker: "https://new.example" } });
  expect(said).toContain('    - broker: "https://berth.example"\n    + broker: "https://new.example"');
  expect(said).not.toContain("berth-agent.service (mode");
  await install(system, { root, flags: { broker: "https://new.example" } });
  expect(readFileSync(config, "utf8")).toMatch(/^# mine\n/);
});

test("a check that fails stops the installation and says its fix; force goes on", async () => {
  const root = newRoot();
  const { system } = newSystem({ portFree: async () => false });
  const stopped = await install(system, { root });
  expect(stopped.code).toBe(1);
  expect(stopped.said).toContain("FAIL  ports for SSH: no sample in 30000–32767 is free\n        fix: ");
  expect(existsSync(join(root, "etc"))).toBe(false);
  expect(await install(system, { root, force: true })).toMatchObject({ code: 0 });
});

const FAILURES: Record<string, [Partial<Probe>, string]> = {
  "another system": [{ platform: "darwin" }, "FAIL  Linux with systemd"],
  "no systemd": [{ exists: () => false }, "FAIL  Linux with systemd"],
  "an old Node": [{ nodeVersion: "v18.20.0" }, "FAIL  Node: v18.20.0"],
  "a person": [{ uid: 1000 }, "sudo"],
  "a driver that hangs": [{ gpus: async () => undefined }, "FAIL  GPUs"],
  "no sandbox": [
    { whyNoSandbox: async () => "no bwrap" },
    "FAIL  runtime process: no bwrap\n        fix: apt install bubblewrap",
  ],
  "a full disk": [{ freeGb: async () => LEAST_DISK_GB - 1 }, "FAIL  disk: 49 GB"],
  "a clock behind": [
    { nowMs: () => 1_800_000_000_000 - 45_000 },
    "FAIL  clock: 46 s behind the broker\n        fix: timedatectl",
  ],
  "a clock ahead": [{ nowMs: () => 1_800_000_000_000 + 45_000 }, "FAIL  clock: 45 s ahead of the broker"],
  "no broker": [
    { health: () => Promise.reject(new Error("ENOTFOUND")) },
    "FAIL  broker: https://berth.example cannot be reached: ENOTFOUND",
  ],
};

const ENGINE = { name: "Docker 27.1", socket: "/var/run/docker.sock" };
const CARD = { index: 0, model: "RTX", uuid: "GPU-aaaaaaaa-1111", vram_mb: 24_564, declared: false };

test("an engine of containers is found, or its absence and GPUs that it does not know are told with their fix", async () => {
  const checked = async (change: Partial<Probe>) => {
    const root = newRoot();
    const paths = { dataDir: SYSTEM_DATA, config: "/etc/berth/agent.yaml" };
    const flags = { ...FLAGS, runtime: "docker" as const, declared_gpus: [] };
    return (await install(newSystem(change).system, { root, paths, flags, dryRun: true })).said;
  };
  const engine = (kind: "docker" | "podman", gpus: boolean) => async () => ({ ...ENGINE, kind, gpus });
  const gpus = async () => [CARD];
  expect(await checked({ engine: engine("docker", false) })).toContain(
    "ok    runtime docker: Docker 27.1 answers on /var/run/docker.sock",
  );
  expect(await checked({ engine: async () => ({ why: "no container engine", fix: "apt install podman" }) })).toContain(
    "FAIL  runtime docker: no container engine\n        fix: apt install podman",
  );
  expect(await checked({ gpus, engine: engine("docker", true) })).toContain("ok    GPUs in containers");
  const lacking = {
    docker: "nvidia-ctk runtime configure --runtime=docker",
    podman: "nvidia-ctk cdi generate",
  } as const;
  for (const kind of ["docker", "podman"] as const) {
    const said = await checked({ gpus, engine: engine(kind, false) });
    expect(said).toContain("FAIL  GPUs in containers");
    expect(said).toContain(lacking[kind]);
  }
});

for (const [what, [change, said]] of Object.entries(FAILURES)) {
  test(`${what} is found before anything is written, with its fix`, async () => {
    const { system, ran } = newSystem(change);
    const dataDir = join(newRoot(), SYSTEM_DATA);
    const paths = { dataDir, config: join(dataDir, "agent.yaml") };
    const flags = what === "a driver that hangs" ? { ...FLAGS, declared_gpus: [] } : FLAGS;
    const outcome = await install(system, { paths, flags });
    expect(outcome.code).toBe(1);
    expect(outcome.said).toContain(said);
    expect(outcome.said).toMatch(/fix: \S/);
    expect(ran.filter((command) => !command.includes(" is-"))).toEqual([]);
  });
}

test("a node of a cluster is asked for kubeadm, kubelet, containerd, no swap and the kubelet's port", async () => {
  const flags = { ...FLAGS, runtime: "kubernetes" as const };
  const none = newSystem({ which: () => undefined });
  expect((await install(none.system, { root: newRoot(), flags })).said).toContain(
    "FAIL  runtime kubernetes: kubeadm, kubelet, containerd missing",
  );
  const swap = newSystem({ swapOn: async () => true });
  expect((await install(swap.system, { root: newRoot(), flags })).said).toContain("swapoff -a");
  const taken = newSystem({ portFree: async (port) => port !== 10_250, exists: () => false });
  expect((await install(taken.system, { root: newRoot(), flags })).said).toContain("FAIL  ports: 10250 is taken");
  const root = newRoot();
  expect((await install(newSystem().system, { root, flags })).code).toBe(0);
  expect(readFileSync(join(root, "etc/systemd/system/berth-agent.service"), "utf8")).not.toContain("ProtectSystem");
});

test("a machine nobody enrolled is told how, and a rehearsal still shows the service", async () => {
  const { system } = newSystem();
  const root = mkdtempSync(join(tmpdir(), "berth-root-"));
  const { code, said } = await install(system, { root, flags: {}, dryRun: true });
  expect(code).toBe(1);
  expect(said).toContain("fix: Enrol first: berth-agent enrol --broker URL");
  expect(said).toContain("Would write");
});

test("a config with an unknown setting stops the installation before anything is written", async () => {
  const root = newRoot();
  mkdirSync(join(root, "etc/berth"), { recursive: true });
  writeFileSync(join(root, SYSTEM_CONFIG), "brokr: https://x.example\n");
  await expect(install(newSystem().system, { root })).rejects.toThrow("brokr: is not known here");
});

test("uninstall takes away what install brought, keeps the identity, and the next install is as before", async () => {
  const { system } = newSystem();
  const root = newRoot();
  await install(system, { root });
  const before = everything(root);
  const lines: string[] = [];
  const wish = { paths: PATHS, purge: false, yes: false, dryRun: false, root };
  expect(await uninstallCommand({ ...wish, dryRun: true }, () => {}, system)).toBe(0);
  expect(everything(root)).toEqual(before);
  expect(await uninstallCommand(wish, (line) => lines.push(line), system)).toBe(0);
  expect(lines.join("\n")).toContain("The identity stays");
  expect(Object.keys(everything(root)).map((path) => path.slice(root.length))).toEqual([
    `${SYSTEM_DATA}/agent.kept.yaml`,
    `${SYSTEM_DATA}/provider.json`,
  ]);
  expect((await install(system, { root, flags: {} })).code).toBe(0);
  const after = everything(root);
  for (const [path, contents] of Object.entries(before)) expect(after[path], path).toBe(contents);
});

test("purge says what it means, and deletes the identity only when told twice", async () => {
  const { system } = newSystem();
  const root = newRoot();
  const lines: string[] = [];
  const wish = { paths: PATHS, purge: true, yes: false, dryRun: false, root };
  expect(await uninstallCommand(wish, (line) => lines.push(line), system)).toBe(1);
  expect(lines.join("\n")).toContain(`the key of ${PROVIDER}, which nobody can make again`);
  expect(existsSync(join(root, SYSTEM_DATA, "provider.json"))).toBe(true);
  expect(await uninstallCommand({ ...wish, yes: true }, () => {}, system)).toBe(0);
  expect(existsSync(join(root, SYSTEM_DATA))).toBe(false);
});

test("uninstall asks again while executions of customers run", async () => {
  const root = newRoot();
  const status = {
    ...{
      version: "0",
      provider_id: PROVIDER,
      name: "rig-1",
      broker: "b",
      runtime: "process",
      started_at: "2026-01-01T00:00:00.000Z",
    },
    ...{ beat: null, answer: null, trouble: null, machine: null, usage: null },
    executions: [{ id: "exec_01arz3ndektsv4rrffq69g5fa1", state: "starting" }],
  };
  writeFileSync(join(root, SYSTEM_DATA, "status.json"), JSON.stringify(status));
  const lines: string[] = [];
  const wish = { paths: PATHS, purge: false, yes: false, dryRun: false, root };
  expect(await uninstallCommand(wish, (line) => lines.push(line), newSystem().system)).toBe(1);
  expect(lines.join("\n")).toContain("Drain first");
});
