// What a runner's last words mean: pure, so that every way to end can be told apart in a test.
import type { BatchSpec } from "../../../../domain/execution/spec.ts";
import { isErrno } from "../../../files.ts";
import type { Shortfall } from "../../finished-run.ts";
import type { Words } from "./runner.ts";

const KILLED = 128 + 9;
const FILE_TOO_LARGE = 128 + 25;
/** Clocks that count hundredths. */
const ROUNDING_MS = 50;

export interface Around {
  readonly spec: Pick<BatchSpec, "timeoutSeconds" | "diskGb">;
  readonly sandboxed: boolean;
  readonly stderr: string;
  /** why this agent ended it; undefined where it ended by itself */
  readonly cut: Shortfall | undefined;
  /** seconds, on the count of the words */
  readonly upNow: number;
}

export interface HowItEnded {
  readonly exitCode: number | null;
  readonly runMs: number;
  readonly cut?: Shortfall | undefined;
  /** it was never begun */
  readonly refused?: Shortfall;
}

/** @param words undefined where its runner never said one */
export function howItEnded(words: Words | undefined, around: Around): HowItEnded {
  const { spec, sandboxed, stderr, cut, upNow } = around;
  const never = { exitCode: null, runMs: 0 };
  if (!words) return { ...never, refused: cut ?? { end: "start-failed", detail: "Its runner did not start." } };
  const runMs = Math.max(0, Math.round(((words.ended?.up ?? upNow) - words.startedUp) * 1000));
  const ended = (shortfall: Shortfall, exitCode: number | null = null) => ({ exitCode, runMs, cut: shortfall });
  if (cut) return ended(cut);
  const { code, insideCode } = words;
  if (code === null || words.ended === null)
    return ended({ end: "infrastructure", detail: "How it ended could not be written down on this machine." });
  if (!words.ended.wholeStdout)
    return ended({ end: "out-of-disk", detail: "Its stdout could not be kept: the disk of this machine is full." });
  if (insideCode === null && code === KILLED) {
    if (runMs >= spec.timeoutSeconds * 1000 - ROUNDING_MS)
      return ended({ end: "timed-out", detail: `It ran for more than ${spec.timeoutSeconds} s and was killed.` });
    if (sandboxed)
      return ended({
        end: "infrastructure",
        detail: "Its sandbox was killed from outside: this machine may have run out of memory.",
      });
  }
  if (sandboxed && insideCode === null) return { ...never, refused: neverRan(stderr) };
  const exitCode = insideCode ?? code;
  if (exitCode === FILE_TOO_LARGE)
    return ended({ end: "out-of-disk", detail: `It wrote a file of more than ${spec.diskGb} GB.` }, exitCode);
  return { exitCode, runMs };
}

/** Only bubblewrap has written to stderr then. */
function neverRan(stderr: string): Shortfall {
  const missing = /^bwrap: execvp (.*): (.*)$/ms.exec(stderr.trim());
  if (missing) return noProgram(missing[1] ?? "", `: ${missing[2]}`);
  return { end: "start-failed", detail: `Its sandbox could not be made. ${stderr.trim().slice(-500)}`.trim() };
}

export function noProgram(program: string, why = ""): Shortfall {
  return {
    end: "cannot-run",
    detail: `This machine cannot start ${program.slice(0, 200)}${why}. It runs jobs without an image, with its own programs.`,
  };
}

/** Why an execution is not even tried; undefined where it is. */
export function whyNot({ command, network, env }: Pick<BatchSpec, "command" | "network" | "env">) {
  const cannot = (detail: string): Shortfall => ({ end: "cannot-run", detail });
  if (network) return cannot("This machine runs jobs without a network of their own, and this one asks for it.");
  if (command.length === 0)
    return cannot("This machine runs jobs without their image, so that the command must be said: there is none.");
  if ([...command, ...Object.values(env)].some((text) => text.includes("\0")))
    return cannot("Its command or environment holds a NUL.");
  return undefined;
}

/** What failed on this machine while it should have been started. */
export function whatFailed(error: unknown): Shortfall {
  if (isErrno(error, "ENOSPC", "EDQUOT")) return { end: "out-of-disk", detail: "The disk of this machine is full." };
  if (isErrno(error, "E2BIG")) return { end: "cannot-run", detail: "Its command is too long for this machine." };
  const why = error instanceof Error ? error.message : String(error);
  return { end: "infrastructure", detail: `It could not be started: ${why}` };
}
