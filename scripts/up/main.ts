// `npm run up`: one line on stdout once Berth is up; everything else that happens goes to stderr.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildChanged } from "../build.ts";
import { HeldError } from "./lock.ts";
import { readOptions } from "./options.ts";
import { UpError, up } from "./up.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const tell = (sentence: string) => process.stderr.write(`${sentence}\n`);

async function main(): Promise<number> {
  if (existsSync(join(root, ".env"))) process.loadEnvFile?.(join(root, ".env"));
  const asked = readOptions(process.argv.slice(2), process.env);
  if ("say" in asked) {
    (asked.exitCode === 0 ? process.stdout : process.stderr).write(asked.say);
    return asked.exitCode;
  }
  const leaving = new AbortController();
  const forced = new AbortController();
  const left = new Promise<void>((leave) => {
    const onSignal = () => {
      if (leaving.signal.aborted) {
        tell("Ending at once.");
        forced.abort();
        process.exit(1);
      }
      leaving.abort();
      leave();
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  });
  try {
    const berth = await up(asked.start, {
      root,
      env: process.env,
      build: buildChanged,
      tell,
      leaving: leaving.signal,
      forced: forced.signal,
    });
    process.stdout.write(`Berth is up: ${berth.url}\n`);
    await left;
    tell("Ending executions and children; once more Ctrl-C ends at once.");
    await berth.stop();
    return 0;
  } catch (error) {
    if (leaving.signal.aborted) return 0;
    tell(error instanceof UpError || error instanceof HeldError ? error.message : explain(error));
    return 1;
  }
}

function explain(error: unknown): string {
  return error instanceof Error
    ? `${error.stack ?? error.message}${error.cause ? `\n${error.cause}` : ""}`
    : String(error);
}

process.exit(await main());
