// The panel of a job as a picture: where each run lies on one axis of time, and which results are the same.
import type { BatchEnd } from "../../domain/execution/batch-state.ts";
import type { BatchExecutionView, BatchJobView } from "../../protocol/batch.ts";

export interface Axis {
  /** milliseconds since the epoch */
  readonly from: number;
  readonly to: number;
  /** at which percent of the axis, and how long after its beginning */
  readonly ticks: readonly { readonly at: number; readonly words: string }[];
}

const STEPS_MS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000],
  ...[1, 2, 5, 10, 15, 30, 60, 120, 240, 360, 720].map((minutes) => minutes * 60_000),
];
const MOST_TICKS = 6;
/** An axis is never shorter, so that a run of a millisecond is no wall. */
const LEAST_MS = 100;

/** A span as people read it: "610 ms", "1.24 s", "2:05 min", "3:00:00 h". */
export function runWords(ms: number): string {
  const whole = Math.max(0, Math.round(ms));
  if (whole < 1000) return `${whole} ms`;
  const seconds = whole / 1000;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(2) : seconds.toFixed(1)} s`;
  const two = (n: number) => String(n).padStart(2, "0");
  const all = Math.floor(seconds);
  if (all < 3600) return `${Math.floor(all / 60)}:${two(all % 60)} min`;
  return `${Math.floor(all / 3600)}:${two(Math.floor((all % 3600) / 60))}:${two(all % 60)} h`;
}

function tickWords(ms: number): string {
  if (ms === 0) return "0";
  if (ms < 1000) return `${ms} ms`;
  if (ms < 60_000) return `${ms / 1000} s`;
  return ms < 3_600_000 ? `${ms / 60_000} min` : `${ms / 3_600_000} h`;
}

type Timed = Pick<BatchExecutionView, "created_at" | "started_at" | "completed_at">;

/** @param now milliseconds; the end while anything is live */
export function axisOf(submittedAt: string, executions: readonly Timed[], now: number): Axis {
  const from = Date.parse(submittedAt);
  const ends = executions.map(({ completed_at: end }) => (end ? Date.parse(end) : now));
  const to = Math.max(from + LEAST_MS, ...(ends.length > 0 ? ends : [now]));
  const span = to - from;
  const step =
    STEPS_MS.find((each) => span / each <= MOST_TICKS) ?? Math.ceil(span / MOST_TICKS / 86_400_000) * 86_400_000;
  const ticks = Array.from({ length: Math.floor(span / step) + 1 }, (_, n) => ({
    at: ((n * step) / span) * 100,
    words: tickWords(n * step),
  }));
  return { from, to, ticks };
}

export interface Lane {
  /** percent of the axis: given out, and begun; null where it never began */
  readonly queued: { readonly left: number; readonly width: number };
  readonly ran: { readonly left: number; readonly width: number } | null;
  readonly live: boolean;
}

export function laneOf(execution: Timed, axis: Axis, now: number): Lane {
  const x = (ms: number) => Math.min(100, Math.max(0, ((ms - axis.from) / (axis.to - axis.from)) * 100));
  const given = x(Date.parse(execution.created_at));
  const end = x(execution.completed_at ? Date.parse(execution.completed_at) : now);
  const begun = execution.started_at ? x(Date.parse(execution.started_at)) : null;
  return {
    queued: { left: given, width: Math.max(0, (begun ?? end) - given) },
    ran: begun === null ? null : { left: begun, width: Math.max(0, end - begun) },
    live: !execution.completed_at,
  };
}

export interface DigestGroup {
  /** A for the accepted one, or else for the first that came */
  readonly letter: string;
  readonly accepted: boolean;
  readonly runs: number;
}

/** Which runs delivered the same; the accepted result first, then the commonest. */
export function digestGroups(
  executions: readonly Pick<BatchExecutionView, "digest">[],
  accepted: string | null,
): ReadonlyMap<string, DigestGroup> {
  const runs = new Map<string, number>();
  for (const { digest } of executions) if (digest) runs.set(digest, (runs.get(digest) ?? 0) + 1);
  const ordered = [...runs].sort(([a, n], [b, m]) => Number(b === accepted) - Number(a === accepted) || m - n);
  return new Map(
    ordered.map(([digest, count], at) => [
      digest,
      { letter: String.fromCharCode(65 + (at % 26)), accepted: digest === accepted, runs: count },
    ]),
  );
}

/** A digest as a small picture: 5 × 5 boxes, alike left and right. Equal digests, equal pictures. */
export function boxesOf(digest: string): readonly { readonly x: number; readonly y: number }[] {
  const hex = digest.replace(/[^0-9a-f]/gi, "");
  const bits = Array.from(hex.slice(0, 8).padEnd(8, "0")).flatMap((one) => {
    const nibble = Number.parseInt(one, 16);
    return [8, 4, 2, 1].map((bit) => (nibble & bit) !== 0);
  });
  return Array.from({ length: 15 }, (_, n) => ({ x: n % 3, y: Math.floor(n / 3), on: bits[n] })).flatMap(
    ({ x, y, on }) =>
      !on
        ? []
        : x === 2
          ? [{ x, y }]
          : [
              { x, y },
              { x: 4 - x, y },
            ],
  );
}

export function shortDigest(digest: string): string {
  return digest.length <= 16 ? digest : `${digest.slice(0, 8)}…${digest.slice(-4)}`;
}

export const END_WORDS = {
  "exit-code": "ended with an error",
  "timed-out": "took too long",
  "out-of-memory": "ran out of memory",
  "out-of-disk": "ran out of disk",
  "too-large": "wrote more than is taken",
  "not-text": "wrote what is no text",
  "missing-file": "left an output file out",
  "wrong-hash": "told another hash than that of its output",
  "image-not-found": "found no such image",
  "image-denied": "may not have the image",
  "start-failed": "could not be started",
  "cannot-run": "the machine cannot run it",
  infrastructure: "the machine failed",
  "provider-silent": "the machine fell silent",
  suspended: "the machine may run nothing any more",
  cancelled: "was not needed any more",
} as const satisfies Record<BatchEnd, string>;

export type Mark = "agreed" | "disagreed" | "waiting" | "running" | "hidden" | "undecided" | "none" | "cancelled";

export interface VoteWords {
  readonly mark: Mark;
  readonly words: string;
}

type Voted = Pick<BatchExecutionView, "vote" | "status" | "end" | "exit_code" | "revealed" | "completed_at">;

/** What a run says, and why where it says nothing. */
export function voteOf(execution: Voted): VoteWords {
  const { vote, status, end, exit_code: exitCode } = execution;
  if (vote === "agreed") return { mark: "agreed", words: "agreed" };
  if (vote === "disagreed") return { mark: "disagreed", words: "disagreed" };
  if (status === "scheduled") return { mark: "waiting", words: "queued" };
  if (!execution.completed_at && status === "running") return { mark: "running", words: "running" };
  if (end === "cancelled") return { mark: "cancelled", words: END_WORDS.cancelled };
  if (end === "exit-code") return { mark: "none", words: exitCode === null ? "it failed" : `exit code ${exitCode}` };
  if (end) return { mark: "none", words: END_WORDS[end] };
  if (!execution.revealed) return { mark: "hidden", words: "delivered" };
  return { mark: "undecided", words: "not decided" };
}

/** For the marks of a list: how many owners stand behind a result, of how many that it needs, of how many runs. */
export function votesOf(job: Pick<BatchJobView, "verdict" | "executions_count" | "assurance" | "consensus">): {
  readonly votes: number;
  readonly runs: number;
  readonly needed: number;
} {
  const needed = job.assurance === "high" ? Math.max(3, job.consensus) : job.consensus;
  const votes = job.verdict?.votes ?? 0;
  return { votes, runs: Math.max(job.executions_count, votes), needed };
}
