// Visits that go on: how many a job has, which of them are dead, and which have lost their right.
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { JobId } from "../../../domain/ids.ts";

const MOST_OF_A_JOB = 64;
/** Without a byte in either direction. */
const IDLE_MS = 30 * 60_000;
const SWEEP_MS = 15_000;

interface Visit {
  readonly job: JobId;
  readonly session: string;
  readonly socket: Socket;
  /** null for a WebSocket */
  readonly reply: ServerResponse | null;
  bytes: number;
  movedMs: number;
}

export interface Visits {
  readonly stopping: boolean;
  /** @returns ends it; null where the job has as many as it may */
  begin(job: JobId, session: string, socket: Socket, reply: ServerResponse | null): (() => void) | null;
  /** Looks once at all of them. */
  sweep(): Promise<void>;
  /** Ends event streams, which would never end by themselves; the rest finishes. */
  stop(): void;
}

export interface VisitLimits {
  readonly mostOfAJob: number;
  readonly idleMs: number;
}

/** @param mayStay asked again and again about each session. What it throws ends nobody. */
export function createVisits(
  mayStay: (job: JobId, session: string) => Promise<boolean>,
  { mostOfAJob, idleMs }: VisitLimits = { mostOfAJob: MOST_OF_A_JOB, idleMs: IDLE_MS },
): Visits {
  const open = new Set<Visit>();
  let stopping = false;

  async function sweep(): Promise<void> {
    const now = performance.now();
    for (const visit of open) {
      const bytes = visit.socket.bytesRead + visit.socket.bytesWritten;
      if (bytes !== visit.bytes) Object.assign(visit, { bytes, movedMs: now });
      else if (now - visit.movedMs >= idleMs) visit.socket.destroy();
    }
    const sessions = new Map([...open].map((visit) => [visit.session, visit.job]));
    for (const [session, job] of sessions) {
      if (await mayStay(job, session).catch(() => true)) continue;
      for (const visit of open) if (visit.session === session) visit.socket.destroy();
    }
  }
  const timer = setInterval(() => void sweep(), SWEEP_MS);
  timer.unref();

  return {
    get stopping() {
      return stopping;
    },
    begin(job, session, socket, reply) {
      if ([...open].filter((visit) => visit.job === job).length >= mostOfAJob) return null;
      const bytes = socket.bytesRead + socket.bytesWritten;
      const visit = { job, session, socket, reply, bytes, movedMs: performance.now() };
      open.add(visit);
      return () => void open.delete(visit);
    },
    sweep,
    stop() {
      stopping = true;
      clearInterval(timer);
      for (const { reply } of open) if (isEventStream(reply)) reply?.destroy();
    },
  };
}

function isEventStream(reply: ServerResponse | null): boolean {
  return String(reply?.getHeader("content-type") ?? "").includes("text/event-stream");
}
