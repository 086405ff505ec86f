// Ready to serve: the database answers. A worker that is away only makes things late.
import type { z } from "zod";
import { AppError } from "../../../domain/errors.ts";
import type { systemOperations } from "../../../protocol/operations/system.ts";
import type { Deps } from "../../deps.ts";
import { lastWorkerSeenAt } from "../../repos/system.ts";
import { withinPatience } from "./patience.ts";

/** Three missed signs of a worker's life. */
const WORKER_AWAY_MS = 15_000;

type Ready = z.infer<typeof systemOperations.ready.response>;

/** @throws AppError `unavailable` */
export async function ready({ db, clock }: Pick<Deps, "db" | "clock">): Promise<Ready> {
  let seenAt: Date | null;
  try {
    seenAt = await withinPatience(lastWorkerSeenAt(db));
  } catch (cause) {
    throw new AppError("unavailable", "The database does not answer.", { cause, retryAfterSeconds: 1 });
  }
  const works = seenAt !== null && clock.now().getTime() - seenAt.getTime() <= WORKER_AWAY_MS;
  return { status: works ? "ready" : "degraded", database: "ok", worker: works ? "ok" : "away" };
}
