// `logs`: what the service wrote, from the system's journal.
import { spawn } from "node:child_process";
import { ConfigError } from "../config.ts";
import { SERVICE } from "../unit.ts";

export function logArguments(lines: number, follow: boolean): string[] {
  return ["--unit", SERVICE, "--lines", String(lines), "--output", "cat", ...(follow ? ["--follow"] : ["--no-pager"])];
}

/** @returns journalctl's exit code */
export function logsCommand(lines: number, follow: boolean): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn("journalctl", logArguments(lines, follow), { stdio: "inherit" });
    child.on("error", () =>
      reject(
        new ConfigError(
          "There is no journalctl here: an agent that runs without systemd logs to where it was started.",
        ),
      ),
    );
    child.on("exit", (code) => resolve(code ?? 0));
  });
}
