// The world around the command line: environment, streams, the terminal's width and colours. Tests bring their own.
import picocolors from "picocolors";
import { CliError } from "./errors.ts";

export type Colours = ReturnType<typeof picocolors.createColors>;

export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** stdout, as it is */
  write(text: string): void;
  /** a line for people on stderr */
  tell(line: string): void;
  /** everything of stdin, as UTF-8. @throws CliError where it is none */
  stdin(): Promise<string>;
  /** columns of the terminal; Infinity where stdout is none */
  readonly width: number;
  /** whether stdout is a terminal */
  readonly terminal: boolean;
  /** whether somebody can be asked: stdin and stderr are terminals */
  readonly interactive: boolean;
  readonly colours: Colours;
  /** of stderr */
  readonly tellColours: Colours;
  /** fires on Ctrl-C */
  readonly signal: AbortSignal;
  now(): Date;
}

/** Colour only on terminals, and never where NO_COLOR is set (no-color.org) or the terminal is dumb. */
export function wantsColour(isTerminal: boolean, env: Io["env"]): boolean {
  return isTerminal && !env.NO_COLOR && env.TERM !== "dumb";
}

export function processIo(signal: AbortSignal): Io {
  const { env, stdout, stderr, stdin } = process;
  return {
    env,
    write: (text) => void stdout.write(text),
    tell: (line) => void stderr.write(`${line}\n`),
    stdin: async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of stdin) chunks.push(Buffer.from(chunk));
      return decode(Buffer.concat(chunks), "standard input");
    },
    get width() {
      return stdout.isTTY && stdout.columns > 0 ? stdout.columns : Number.POSITIVE_INFINITY; // it may be resized
    },
    terminal: stdout.isTTY === true,
    interactive: stdin.isTTY === true && stderr.isTTY === true,
    colours: picocolors.createColors(wantsColour(stdout.isTTY === true, env)),
    tellColours: picocolors.createColors(wantsColour(stderr.isTTY === true, env)),
    signal,
    now: () => new Date(),
  };
}

/** @throws CliError where the bytes are no UTF-8: the wire carries text */
export function decode(bytes: Buffer, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CliError(`${what} is not UTF-8 text.`, {
      remedy: "Encode binary input, such as with base64, and decode it in the job.",
    });
  }
}
