// What is run around a command inside a pod: the API carries no end of stdin, and hangs up nothing when we go.

/** Where everything starts as it does over SSH; the program is looked up as a program, never as a word of the shell. */
const HOME = `cd "\${HOME:-/}" 2>/dev/null || cd /`;

/**
 * For pipes. Stdin comes as lines that `linesOf` wrote: an empty one is its end. Its end without that is ours: what runs
 * is hung up. The reader is taken along when the command ends before its stdin (by SIGPIPE, of which shells say nothing).
 * Only the command writes to stderr: shells tell of the signals that end their children.
 */
const PIPES = `
${HOME}
exec 4>&2 2>/dev/null
{
  read -r reader rest </proc/self/stat
  echo "$reader"
  while IFS= read -r line; do
    [ -n "$line" ] || exit 0
    printf %b "$line"
  done
  kill -HUP 0
} | {
  read -r reader
  ( exec "$@" 2>&4 4>&- )
  code=$?
  kill -PIPE "$reader"
  exit "$code"
}`.trim();

/** For terminals. Its first line is the number of the process to hang up, and not for anybody's eyes. */
const TERMINAL = `${HOME}; echo $$; TERM=xterm-256color; export TERM; exec "$@"`;

/**
 * Waits beside a terminal: told so, it goes; when we go without a word, it hangs up what runs there. Twice: a bash that
 * hears of it just before it waits for input notes it down, and waits.
 */
const GUARD = 'read -r line || { kill -HUP "$1" && sleep 1 && kill -HUP "$1"; } 2>/dev/null';

export const throughPipes = (command: readonly string[]) => ["/bin/sh", "-c", PIPES, "sh", ...command];
export const inTerminal = (command: readonly string[]) => ["/bin/sh", "-c", TERMINAL, "sh", ...command];
export const guardOf = (process: string) => ["/bin/sh", "-c", GUARD, "sh", process];

export const END_OF_INPUT = "\n";
/** Long enough for speed, short enough for whatever reads it a byte at a time. */
const LINE_BYTES = 1024;

/** Bytes as the lines that the wrapper turns back into them: printf's escapes, in pure ASCII. */
export function linesOf(chunk: Buffer): string {
  const lines: string[] = [];
  for (let at = 0; at < chunk.length; at += LINE_BYTES) {
    let line = "";
    for (const byte of chunk.subarray(at, at + LINE_BYTES)) line += ESCAPES[byte];
    lines.push(line);
  }
  return lines.map((line) => `${line}\n`).join("");
}

const ESCAPES = Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x7f && byte !== 0x5c ? String.fromCharCode(byte) : `\\0${byte.toString(8).padStart(3, "0")}`,
);
