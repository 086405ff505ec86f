// `uninstall`: takes away what `install` wrote, and keeps the identity unless it is told to purge it.
import { existsSync, lstatSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ConfigError, KEPT_CONFIG } from "../config.ts";
import { writeWhole } from "../files.ts";
import { readProviderId } from "../identity.ts";
import { LAUNCHER, type Paths } from "../paths.ts";
import { agentOn } from "../run-lock.ts";
import { readStatus } from "../status-file.ts";
import { SERVICE } from "../unit.ts";
import type { Print } from "./enrol.ts";
import { ENABLED, PROGRAM, realSystem, type System, UNIT } from "./install.ts";

export interface UninstallWish {
  readonly paths: Paths;
  readonly purge: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly root: string | undefined;
}

/** @returns the exit code: 1 where it stopped to be asked again */
export async function uninstallCommand(
  wish: UninstallWish,
  print: Print,
  system: System = realSystem(),
): Promise<number> {
  const { paths, purge, yes, dryRun, root } = wish;
  const under = (path: string) => (root === undefined ? path : join(root, path));
  const dataDir = under(paths.dataDir);
  const config = under(paths.config);
  const live = (await readStatus(dataDir))?.executions.filter(({ state }) => state !== "ended") ?? [];
  if (live.length > 0 && !yes && !dryRun) {
    print(`${live.length} executions run here. Drain first and let them end (berth-agent drain), or give --yes.`);
    return 1;
  }
  const providerId = await readProviderId(dataDir);
  if (purge) {
    print(
      `--purge deletes ${dataDir}: the key of ${providerId ?? "this machine"}, which nobody can make again, and all executions. The provider can then only be removed on the provider page, and the machine enrolled as a new one, with a new reputation.`,
    );
    if (!yes && !dryRun) {
      print("Nothing was done. If that is what you want: berth-agent uninstall --purge --yes");
      return 1;
    }
  }
  const verb = (would: string, does: string) => (dryRun ? would : does);
  const commands = root === undefined && existsSync(under(UNIT)) ? [["systemctl", "disable", "--now", SERVICE]] : [];
  for (const command of commands) {
    print(`${verb("Would run", "Running")}: ${command.join(" ")}`);
    if (!dryRun) await mustRun(command, system);
  }
  if (purge && !dryRun && (await agentOn(dataDir)) !== undefined)
    throw new ConfigError(`An agent still runs on ${dataDir}: end it first.`);
  const keepsConfig = !purge && existsSync(config) && config !== join(dataDir, "agent.yaml");
  if (keepsConfig) {
    const kept = join(dataDir, KEPT_CONFIG);
    print(`${verb("Would move", "Moving")} ${config} to ${kept}`);
    if (!dryRun) {
      await mkdir(dataDir, { recursive: true, mode: 0o700 });
      await move(config, kept);
    }
  }
  const gone = [UNIT, ENABLED, LAUNCHER, dirname(PROGRAM)].map(under);
  const doomed = [...gone, ...(purge ? [config, dataDir] : [])].filter(isThere);
  for (const path of doomed) {
    print(`${verb("Would delete", "Deleting")} ${path}`);
    if (!dryRun) await rm(path, { recursive: true, force: true });
  }
  if (commands.length > 0) {
    print(`${verb("Would run", "Running")}: systemctl daemon-reload`);
    if (!dryRun) await mustRun(["systemctl", "daemon-reload"], system);
  }
  if (doomed.length === 0 && commands.length === 0 && !keepsConfig)
    print("Nothing to do: berth-agent is not installed.");
  else if (!purge)
    print(`The identity stays in ${dataDir}: the next install is the same provider. It goes with --purge.`);
  return 0;
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Between file systems too. */
async function move(from: string, to: string): Promise<void> {
  const contents = await readFile(from, "utf8");
  await writeWhole(to, contents, 0o600);
  await rm(from, { force: true });
}

async function mustRun(command: readonly string[], { run }: System): Promise<void> {
  const { code, out } = await run(command);
  if (code !== 0) throw new ConfigError(`${command.join(" ")} ended with ${code}: ${out}`);
}
