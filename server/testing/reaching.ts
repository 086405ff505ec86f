// Helpers of the contract that every cluster keeps: commands run to their end, terminals that are talked to, a server.
import type { Readable } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { isAppError } from "../../domain/errors.ts";
import type { ExitStatus, Inside, Session, TerminalSize, Whereabouts } from "../deps.ts";

/** Generous: the machine may be busy with much else. */
export const PATIENCE_MS = 60_000;

export interface Ran {
  readonly out: Buffer;
  readonly err: string;
  readonly exit: ExitStatus;
}

/** Runs a command without a terminal to its end. */
export async function ran(
  inside: Inside,
  at: Whereabouts,
  command: readonly string[],
  input: string | Buffer = "",
): Promise<Ran> {
  const session = await inside.exec(at, command, { terminal: null, signal: AbortSignal.timeout(PATIENCE_MS) });
  session.input.end(input);
  const [out, err, exit] = await Promise.all([buffer(session.output), text(session.errors), session.exit]);
  return { out, err, exit };
}

/** Polls until it holds. */
export async function until(
  what: string | (() => string),
  holds: () => Promise<boolean> | boolean,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const end = Date.now() + patienceMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`never: ${typeof what === "string" ? what : what()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export interface Talk {
  readonly session: Session;
  type(keys: string): void;
  /** All that the terminal showed so far. */
  shown(): string;
  shows(pattern: RegExp): Promise<void>;
}

/** A command in a terminal, and all that it shows. */
export async function talk(
  inside: Inside,
  at: Whereabouts,
  command: readonly string[],
  terminal: TerminalSize = { cols: 80, rows: 24 },
): Promise<Talk> {
  const session = await inside.exec(at, command, { terminal, signal: AbortSignal.timeout(PATIENCE_MS) });
  const shown = collected(session.output);
  return {
    session,
    shown,
    type: (keys) => void session.input.write(keys),
    shows: (pattern) =>
      until(
        () => `${pattern} in ${JSON.stringify(shown())}`,
        () => pattern.test(shown()),
      ),
  };
}

/** @returns what was read so far, as text */
export function collected(from: Readable): () => string {
  const parts: Buffer[] = [];
  from.on("data", (part: Buffer) => parts.push(part));
  from.on("error", () => {});
  return () => Buffer.concat(parts).toString();
}

/** The code of an AppError that was thrown; anything else is thrown on. */
export async function refusal(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
  } catch (error) {
    if (isAppError(error)) return error.code;
    throw error;
  }
  return "none";
}

/**
 * A TCP server on the workspace's loopback, on a port that it draws and prints. The first line of a connection says what
 * it does: `echo` what comes, `count` what comes and say it after its end, or say `x` as often as a number tells.
 */
export const SERVER = [
  "perl",
  "-e",
  `
use Socket;
$| = 1;
$SIG{CHLD} = "IGNORE";
socket(my $server, PF_INET, SOCK_STREAM, 0) or die;
bind($server, sockaddr_in(0, INADDR_LOOPBACK)) or die;
listen($server, 128) or die;
print "port ", (sockaddr_in(getsockname($server)))[0], "\\n";
sub say_all { my ($to, $text) = @_; my $at = 0; $at += syswrite($to, $text, 65536, $at) || exit while $at < length $text }
while (accept(my $client, $server)) {
  next if fork;
  close $server;
  my ($line, $part, $seen) = ("", "", 0);
  while ($line !~ /\\n/) { sysread($client, $part, 1) or exit; $line .= $part }
  if ($line =~ /^echo/) { say_all($client, $part) while sysread($client, $part, 65536) }
  elsif ($line =~ /^count/) { $seen += length $part while sysread($client, $part, 65536); print "counted $seen\\n"; say_all($client, $seen) }
  else { say_all($client, "x" x $line) }
  exit;
}
`,
] as const;
