// What follows a verdict of its own: the broker's checks of who was right. Called in the transaction that decides.
import type { JobId } from "../../../domain/ids.ts";
import { quorumOf } from "../../../domain/job/batch.ts";
import { checkAfter } from "../../../domain/verification/checks.ts";
import type { Evidence } from "../../../domain/verification/evidence.ts";
import type { Deps, Tx } from "../../deps.ts";
import { insertChecks, type NewCheck } from "../../repos/batch-checks.ts";
import type { Member } from "../../repos/batch-verdicts.ts";
import type { Case } from "./judge.ts";

/** Somebody waits to hear whether a result is right: it waits longer for machines than most jobs would. */
const AGAIN_QUEUE_SECONDS = 3_600;

/** @param about an accepted job; three owners have to agree on it, drawn by what is known of them */
export function recheckOf(id: JobId, about: JobId): NewCheck {
  const copies = quorumOf({ consensus: 1, assurance: "high" });
  const terms = { copies, assurance: "high", tied: true, leastQueueSeconds: AGAIN_QUEUE_SECONDS } as const;
  return { id, purpose: "recheck", about, ...terms };
}

/** @param about an accepted job; so many owners more have to agree on it: as an audit that its customer waits for */
export function confirmationOf(id: JobId, about: JobId, copies: number): NewCheck {
  const terms = { copies, assurance: "standard", tied: false, leastQueueSeconds: AGAIN_QUEUE_SECONDS } as const;
  return { id, purpose: "audit", about, ...terms };
}

/**
 * Draws checks of what was just accepted, and verifies again what a check contradicts.
 * @param decided cases that were decided in this transaction, written already
 * @param contradicted jobs that checks among them contradict
 */
export async function planChecks(
  { ids, random }: Pick<Deps, "ids" | "random">,
  tx: Tx,
  decided: readonly Case[],
  contradicted: ReadonlySet<JobId>,
  evidenceOf: (member: Member) => Evidence,
  now: Date,
): Promise<void> {
  const checks = [...contradicted].map((about) => recheckOf(ids.next("job"), about));
  for (const { job, members } of decided) {
    const kind = job.verdict?.kind;
    if (kind !== "accepted" && kind !== "unverified") continue;
    const evidence = members.filter(({ vote }) => vote === "agreed").map(evidenceOf);
    const { purpose, network, reusable, envNames } = job;
    const follows = { purpose, kind, network, reusable, hasEnvironment: envNames.length > 0, evidence };
    const check = checkAfter(follows, random);
    if (check === null) continue;
    const copies = check === "canary" ? quorumOf(job) : 1;
    const terms = { copies, assurance: "standard", tied: false, leastQueueSeconds: 0 } as const;
    checks.push({ id: ids.next("job"), purpose: check, about: job.id, ...terms });
  }
  await insertChecks(tx, checks, now);
}
