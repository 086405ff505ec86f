// What every command has: the broker and the format by flags, a session, and an exit code.
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { readConfig } from "./config.ts";
import { CliError, EXIT } from "./errors.ts";
import { explain, renderError } from "./explain.ts";
import type { Io } from "./io.ts";
import { FORMATS } from "./output/present.ts";
import { brokerOf, type CommonFlags, openSession, type Session } from "./session.ts";

export interface Cli {
  readonly io: Io;
  readonly program: Command;
  /** Adds a command with the common flags. @param usage name and arguments */
  add(usage: string, description: string): Command;
  /** What a command does; what it returns is the exit code, nothing is 0. */
  does<F extends object>(
    command: Command,
    run: (flags: F & CommonFlags, args: readonly string[]) => Promise<number | undefined> | Promise<void>,
  ): Command;
  open(flags: CommonFlags): Promise<Session>;
  /** Runs a line. @returns the exit code; errors are told, not thrown */
  run(args: readonly string[]): Promise<number>;
}

export function createCli(io: Io, version: string): Cli {
  let exitCode: number = EXIT.done;
  let broker: string | null = null;
  const program = withCommonFlags(new Command("berth"))
    .description("Rent GPUs and run verified batch jobs, at a Berth broker")
    .version(version, "--version")
    .enablePositionalOptions()
    .showHelpAfterError("\nAll commands: berth --help")
    .addHelpText(
      "after",
      `
Environment: BERTH_URL and BERTH_TOKEN instead of --broker and a login; NO_COLOR. Logins are kept in
$XDG_CONFIG_HOME/berth/config.json. Exit codes: 0 done, 1 the job failed or was cancelled, 255 errors.`,
    );
  atHome(program, io);

  return {
    io,
    program,
    add(usage, description) {
      const command = withCommonFlags(program.command(usage)).description(description);
      return atHome(command, io);
    },
    does: (command, run) =>
      command.action(async () => {
        const code = await run(command.optsWithGlobals(), command.args);
        exitCode = typeof code === "number" ? code : EXIT.done;
      }),
    async open(flags) {
      broker = brokerOf(flags, io.env, await readConfig({ env: io.env, tell: () => {} }));
      return openSession(io, flags);
    },
    async run(args) {
      try {
        await program.parseAsync([...args], { from: "user" });
        return exitCode;
      } catch (error) {
        if (io.signal.aborted && !(error instanceof CliError)) return EXIT.interrupted;
        const explained = explain(error, broker);
        if (!(error instanceof CommanderError)) io.tell(renderError(explained, io.tellColours));
        return explained.exitCode;
      }
    },
  };
}

function withCommonFlags(command: Command): Command {
  return command
    .option("--broker <url>", "the broker to talk to")
    .addOption(new Option("-o, --output <format>", "how to answer").choices([...FORMATS]));
}

/** Commander neither writes nor exits by itself. */
function atHome(command: Command, io: Io): Command {
  return command.exitOverride().configureOutput({
    writeOut: (text) => io.write(text),
    writeErr: (text) => io.tell(text.replace(/\n$/, "")),
    getOutHelpWidth: () => Math.min(io.width, 120),
    getErrHelpWidth: () => 100,
    getOutHasColors: () => false,
    getErrHasColors: () => false,
  });
}

/** For flags that may be repeated. */
export function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("It has to be a whole number.");
  return Number(text);
}

/** USD with up to 6 places, as the wire writes it. */
export function price(text: string): string {
  const [, whole, fraction = ""] = /^\$?(\d{1,9})(?:\.(\d{1,6}))?$/.exec(text) ?? [];
  if (whole === undefined) throw new InvalidArgumentError("It has to be USD with at most 6 places, such as 0.4.");
  return `${whole}.${fraction.padEnd(6, "0")}`;
}

const SECONDS = { "": 1, s: 1, m: 60, h: 3600 } as const;

/** Seconds, or 90s, 5m, 2h. */
export function seconds(text: string): number {
  const [, digits, unit = ""] = /^(\d{1,6})(s|m|h)?$/.exec(text) ?? [];
  if (digits === undefined) throw new InvalidArgumentError("It has to be a time such as 90, 90s, 5m or 2h.");
  return Number(digits) * (unit === "h" || unit === "m" || unit === "s" ? SECONDS[unit] : 1);
}
