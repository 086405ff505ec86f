// Variables of a job by flags and files.
import type { Command } from "commander";
import { readText } from "./inputs.ts";
import type { Io } from "./io.ts";
import { variables } from "./job-flags.ts";
import { collect } from "./program.ts";

export interface EnvFlags {
  readonly env?: readonly string[];
  readonly envFile?: readonly string[];
}

export function withEnvFlags(command: Command): Command {
  return command
    .option("--env <name=value>", "a variable; a name alone takes its value from here; may be repeated", collect)
    .option("--env-file <file>", "lines of NAME=VALUE; may be repeated", collect);
}

export async function envOf(io: Io, { env = [], envFile = [] }: EnvFlags): Promise<Record<string, string>> {
  const files = await Promise.all(envFile.map((path) => readText(io, path)));
  return variables(files, env, io.env);
}
