// Who may reach a job's port: whoever holds a session of it. What was found is believed for a moment, so that a page with a
// hundred files asks the database once.
import type { JobId } from "../../../domain/ids.ts";
import type { Deps } from "../../deps.ts";
import { hashToken } from "../../usecases/account/tokens.ts";
import { type ReachedPort, reachPort } from "../../usecases/job/visit-port.ts";

const BELIEVED_MS = 3_000;
/** Of one request: siblings of a job can make a browser send more, over plain HTTP. */
const MOST_SESSIONS = 4;

export interface Admitted {
  readonly session: string;
  readonly reached: ReachedPort;
}

export interface Admission {
  /**
   * @param asking taken before the database is asked
   * @returns null where none of the sessions is one of this job's
   * @throws AppError `conflict`, `unavailable`, and what `asking` throws
   */
  admit(job: JobId, sessions: readonly string[], asking: () => Promise<void>): Promise<Admitted | null>;
}

interface Believed {
  readonly untilMs: number;
  readonly reached: Promise<ReachedPort | null>;
}

export function createAdmission(deps: Pick<Deps, "db" | "clock" | "inside" | "secrets">): Admission {
  const believed = new Map<string, Believed>();

  function look(job: JobId, session: string, asking: () => Promise<void>): Promise<ReachedPort | null> {
    const key = `${job} ${hashToken(session)}`;
    const now = performance.now();
    const known = believed.get(key);
    if (known && known.untilMs > now) return known.reached;
    for (const [each, { untilMs }] of believed) if (untilMs <= now) believed.delete(each);
    const reached = asking().then(() => reachPort(deps, job, session));
    const found = { untilMs: now + BELIEVED_MS, reached };
    believed.set(key, found);
    const forget = () => void (believed.get(key) === found && believed.delete(key));
    reached.then((port) => port ?? forget(), forget); // only what is good is believed
    return reached;
  }

  return {
    async admit(job, sessions, asking) {
      for (const session of sessions.slice(0, MOST_SESSIONS)) {
        const reached = await look(job, session, asking);
        if (reached) return { session, reached };
      }
      return null;
    },
  };
}
