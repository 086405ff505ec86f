// What `npm run up` can be told on its command line.
import { Command, CommanderError, InvalidArgumentError } from "commander";

export interface UpOptions {
  /** The port that was asked for, and by what; undefined: 8080, or a free one. */
  readonly port: { readonly number: number; readonly from: "--port" | "PROXY_PORT" } | undefined;
  readonly dataDir: string;
  readonly reset: boolean;
  readonly demo: boolean;
}

/** What to do with a command line: start, or say something and end with a code. */
export type Asked =
  | { readonly start: UpOptions }
  | { readonly say: string; readonly exitCode: 0 }
  | { readonly say: string; readonly exitCode: 2 };

/** Reads the arguments after the script's name, and PROXY_PORT. An unknown option is answered with what there is. */
export function readOptions(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): Asked {
  let said = "";
  const listen = (text: string) => {
    said += text;
  };
  const command = new Command("npm run up --")
    .description("Starts Berth on this machine: PostgreSQL, web, worker and, as a demo, five providers.")
    .option("--port <number>", "port of the web (else PROXY_PORT, else 8080, else a free one)", readPort)
    .option("--data-dir <dir>", "where everything is kept", ".berth")
    .option("--reset", "forget everything in the data directory first", false)
    .option("--no-demo", "without demo providers, demo money and the demo wallet")
    .allowExcessArguments(false)
    .showHelpAfterError()
    .exitOverride()
    .configureOutput({ writeOut: listen, writeErr: listen });
  try {
    command.parse([...argv], { from: "user" });
    const options = command.opts<{ port?: number; dataDir: string; reset: boolean; demo: boolean }>();
    return {
      start: {
        port: options.port === undefined ? portFrom(env) : { number: options.port, from: "--port" },
        dataDir: options.dataDir,
        reset: options.reset,
        demo: options.demo,
      },
    };
  } catch (error) {
    if (error instanceof CommanderError) {
      const say = said || `${error.message}\n`;
      return error.exitCode === 0 ? { say, exitCode: 0 } : { say, exitCode: 2 };
    }
    throw error;
  }
}

function portFrom(env: Readonly<Record<string, string | undefined>>): UpOptions["port"] {
  if (!env.PROXY_PORT) return undefined;
  try {
    return { number: readPort(env.PROXY_PORT), from: "PROXY_PORT" };
  } catch {
    throw new CommanderError(2, "berth.proxyPort", `PROXY_PORT=${env.PROXY_PORT} is no port.`);
  }
}

function readPort(text: string): number {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > 65_535) throw new InvalidArgumentError("A port is a whole number from 1 to 65535.");
  return number;
}
