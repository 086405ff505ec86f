// Ready to serve: the database answers. A worker, a queue or a cluster that is away only makes things late.
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
export async function ready({ db, clock, answers }: Pick<Deps, "db" | "clock" | "answers">): Promise<Ready> {
  const beside = Promise.all([answers.queue(), answers.cluster?.()]);
  let seenAt: Date | null;
  try {
    seenAt = await withinPatience(lastWorkerSeenAt(db));
  } catch (cause) {
    throw new AppError("unavailable", "The database does not answer.", { cause, retryAfterSeconds: 1 });
  }
  const [queue, cluster] = await beside;
  const works = seenAt !== null && clock.now().getTime() - seenAt.getTime() <= WORKER_AWAY_MS;
  return {
    status: works && queue && cluster !== false ? "ready" : "degraded",
    database: "ok",
    worker: works ? "ok" : "away",
    queue: queue ? "ok" : "away",
    cluster: cluster === undefined ? "none" : cluster ? "ok" : "away",
  };
}
