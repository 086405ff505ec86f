// `install`: a plan of files and commands, compared with what is there, shown or carried out. What is there already is
// not done again.
import { existsSync, lstatSync, readlinkSync, realpathSync } from "node:fs";
import { chmod, mkdir, readFile, rm, stat, symlink } from "node:fs/promises";
import os from "node:os";
import { dirname, join } from "node:path";
import { type Check, runChecks } from "../checks.ts";
import {
  type AgentConfig,
  ConfigError,
  type ConfigFlags,
  editConfig,
  KEPT_CONFIG,
  readConfig,
  renderConfig,
  resolveConfig,
} from "../config.ts";
import { lineDiff } from "../diff.ts";
import { readText, writeWhole } from "../files.ts";
import { readProviderId } from "../identity.ts";
import { LAUNCHER, type Paths, SYSTEM_CONFIG, SYSTEM_DATA } from "../paths.ts";
import { type Probe, realProbe, runProgram } from "../probe.ts";
import { enrol } from "../start.ts";
import { renderUnit, SERVICE } from "../unit.ts";
import { type Print, waitingLog } from "./enrol.ts";

export const UNIT = `/etc/systemd/system/${SERVICE}`;
export const ENABLED = `/etc/systemd/system/multi-user.target.wants/${SERVICE}`;
export const PROGRAM = "/usr/local/lib/berth-agent/berth-agent.mjs";
/** Longer files are told by their size. */
const MOST_SHOWN_BYTES = 64 * 1024;

/** The program that is to be installed. */
export interface Self {
  readonly node: string;
  readonly script: string;
}

export interface System {
  readonly probe: Probe;
  readonly self: Self;
  run(command: readonly string[]): Promise<{ readonly code: number; readonly out: string }>;
}

export function realSystem(): System {
  const script = realpathSync(process.argv[1] ?? "");
  return { probe: realProbe(), self: { node: process.execPath, script }, run: runProgram };
}

export interface InstallWish {
  readonly paths: Paths;
  readonly flags: ConfigFlags;
  /** Enrols the machine where it is not enrolled yet. */
  readonly token: string | undefined;
  readonly dryRun: boolean;
  /** Everything is written under this directory, and nothing is run. */
  readonly root: string | undefined;
  readonly force: boolean;
}

interface PlannedFile {
  readonly path: string;
  readonly mode: number;
  readonly contents: string;
}

interface Change {
  readonly file: PlannedFile;
  readonly before: string | undefined;
  readonly modeBefore: number | undefined;
}

/** @returns the exit code: 1 where a check failed and nothing was written */
export async function installCommand(wish: InstallWish, print: Print, system: System = realSystem()): Promise<number> {
  const { paths, root, dryRun, force, token } = wish;
  if (token !== undefined && root !== undefined)
    throw new ConfigError("--token enrols this machine, and --root prepares another: give one of them");
  const under = (path: string) => (root === undefined ? path : join(root, path));
  const there: Paths = { dataDir: under(paths.dataDir), config: under(paths.config) };
  const settings = await settle(wish.flags, there);
  const enrolled = (await readProviderId(there.dataDir)) !== undefined;
  const willEnrol = !enrolled && token !== undefined && settings.config !== undefined;
  const forImage = root !== undefined;
  const checks = await runChecks({ ...settings, enrolled, willEnrol, dataDir: there.dataDir, forImage }, system.probe);
  print(dryRun ? "Checked:" : "Checking:");
  for (const check of checks) print(describeCheck(check));
  const failed = checks.filter(({ result }) => result === "bad").length;
  const changes = await compare(await planFiles(settings.config, there, paths, system.self), under);
  const link = linkMissing(under);
  const commands = forImage ? [] : await planCommands(changes, system);
  if (failed > 0 && !dryRun && !force) {
    print(`${failed} of ${checks.length} checks failed: nothing was written. Put that right, or go on with --force.`);
    return 1;
  }
  if (changes.length === 0 && commands.length === 0 && !willEnrol && !(forImage && link)) {
    print(`Nothing to change: berth-agent is installed${forImage ? "" : " and runs"}.`);
    return failed > 0 && !force ? 1 : 0;
  }
  if (willEnrol)
    print(`${dryRun ? "Would enrol" : "Enrolling"} as ${settings.config?.name} with ${settings.config?.broker}`);
  for (const change of changes) print(describeChange(change, under(change.file.path), dryRun));
  if (forImage && link) print(`${dryRun ? "Would link" : "Linking"} ${under(ENABLED)} to ${UNIT}`);
  for (const command of commands) print(`${dryRun ? "Would run" : "Running"}: ${command.join(" ")}`);
  if (dryRun) {
    print(
      failed > 0 && !force
        ? `Nothing was changed, and install would stop: ${failed} of ${checks.length} checks failed.`
        : "Nothing was changed.",
    );
    return failed > 0 && !force ? 1 : 0;
  }
  await mkdir(there.dataDir, { recursive: true, mode: 0o700 });
  if (willEnrol) {
    const wished = { paths, token, flags: wish.flags };
    const { providerId } = await enrol(wished, waitingLog(print), new AbortController().signal);
    print(`Enrolled as ${providerId}.`);
  }
  for (const { file } of changes) await put(file, under(file.path));
  if (forImage && link) await enableByLink(under);
  for (const command of commands) {
    const { code, out } = await system.run(command);
    if (code !== 0) throw new ConfigError(`${command.join(" ")} ended with ${code}: ${out}`);
  }
  print(
    forImage
      ? "Installed. The service starts when the image does."
      : "Installed. See how it goes: berth-agent status, berth-agent logs -f",
  );
  return 0;
}

async function settle(
  flags: ConfigFlags,
  there: Paths,
): Promise<{ config: AgentConfig | undefined; whyNoConfig: string | undefined }> {
  const stored = await readConfig(there); // a file that cannot be read stops the installation: it may hold people's work
  try {
    return { config: resolveConfig(flags, stored, os.hostname()), whyNoConfig: undefined };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { config: undefined, whyNoConfig: stored ? error.message : `no ${there.config}` };
  }
}

async function planFiles(
  config: AgentConfig | undefined,
  there: Paths,
  paths: Paths,
  self: Self,
): Promise<PlannedFile[]> {
  const alone = !existsSync(join(dirname(self.script), "agent-process.mjs"));
  const script = alone ? PROGRAM : self.script; // with the repository's runtimes it stays where they are
  const elsewhere = [
    ...(paths.dataDir === SYSTEM_DATA ? [] : ["--data-dir", paths.dataDir]),
    ...(paths.config === SYSTEM_CONFIG || paths.config === join(paths.dataDir, "agent.yaml")
      ? []
      : ["--config", paths.config]),
  ];
  const unit = {
    command: [self.node, script, "start", ...elsewhere],
    dataDir: paths.dataDir,
    joinsCluster: config?.runtime === "kubernetes",
  };
  const files: PlannedFile[] = [
    { path: UNIT, mode: 0o644, contents: renderUnit(unit) },
    { path: LAUNCHER, mode: 0o755, contents: `#!/bin/sh\nexec ${[self.node, script].map(quoted).join(" ")} "$@"\n` },
  ];
  if (alone) files.push({ path: PROGRAM, mode: 0o755, contents: await readFile(self.script, "utf8") });
  if (config) {
    const before = (await readText(there.config)) ?? (await readText(join(there.dataDir, KEPT_CONFIG)));
    const contents = before === undefined ? renderConfig(config) : editConfig(before, config);
    files.push({ path: paths.config, mode: 0o600, contents });
  }
  return files;
}

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

async function compare(files: readonly PlannedFile[], under: (path: string) => string): Promise<Change[]> {
  const changes: Change[] = [];
  for (const file of files) {
    const path = under(file.path);
    const before = await readText(path);
    const modeBefore = before === undefined ? undefined : (await stat(path)).mode & 0o777;
    if (before !== file.contents || modeBefore !== file.mode) changes.push({ file, before, modeBefore });
  }
  return changes;
}

function linkMissing(under: (path: string) => string): boolean {
  try {
    return !lstatSync(under(ENABLED)).isSymbolicLink() || readlinkSync(under(ENABLED)) !== UNIT;
  } catch {
    return true;
  }
}

async function enableByLink(under: (path: string) => string): Promise<void> {
  await mkdir(dirname(under(ENABLED)), { recursive: true });
  await rm(under(ENABLED), { force: true });
  await symlink(UNIT, under(ENABLED));
}

/** Only what is still to be done. Asking systemd changes nothing. */
async function planCommands(changes: readonly Change[], { run }: System): Promise<string[][]> {
  const is = async (what: string) => (await run(["systemctl", what, "--quiet", SERVICE])).code === 0;
  const unitChanged = changes.some(({ file }) => file.path === UNIT);
  const commands: string[][] = [];
  if (unitChanged) commands.push(["systemctl", "daemon-reload"]);
  const active = await is("is-active");
  if (!(await is("is-enabled"))) commands.push(["systemctl", "enable", SERVICE]);
  if (!active) commands.push(["systemctl", "start", SERVICE]);
  else if (changes.some(({ file }) => file.path !== LAUNCHER)) commands.push(["systemctl", "restart", SERVICE]);
  return commands;
}

async function put({ path, mode, contents }: PlannedFile, real: string): Promise<void> {
  await mkdir(dirname(real), { recursive: true, mode: path.startsWith("/var/") ? 0o700 : 0o755 });
  await writeWhole(real, contents, mode);
  await chmod(real, mode); // whatever the umask says
}

function describeCheck({ name, result, found, fix }: Check): string {
  const mark = { good: "ok  ", "worth knowing": "note", bad: "FAIL" }[result];
  return `  ${mark}  ${name}: ${found}${fix === undefined ? "" : `\n        fix: ${fix}`}`;
}

function describeChange({ file, before, modeBefore }: Change, path: string, dryRun: boolean): string {
  const verb = dryRun ? "Would write" : "Writing";
  const mode = file.mode.toString(8).padStart(4, "0");
  const size = Buffer.byteLength(file.contents);
  const head = `${verb} ${path} (mode ${mode}, ${size} bytes${before === undefined ? ", new" : ""})`;
  if (before === file.contents)
    return `${head}: only its mode, which was ${(modeBefore ?? 0).toString(8).padStart(4, "0")}`;
  if (size > MOST_SHOWN_BYTES) return head;
  return [head, ...lineDiff(before ?? "", file.contents).map((line) => `    ${line}`)].join("\n");
}
