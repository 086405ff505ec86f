// The periodic catch-up of batch jobs: timeouts, silent providers, hedges, queues that took too long, rings that were lost.
import { type BatchEnd, isBatchLive } from "../../../domain/execution/batch-state.ts";
import type { ExecutionId, JobId } from "../../../domain/ids.ts";
import type { ReasonCode } from "../../../domain/job/reasons.ts";
import { RULES } from "../../../domain/verification/constants.ts";
import type { Deps } from "../../deps.ts";
import { anyWaiting } from "../../repos/batch-dispatch.ts";
import { listGone } from "../../repos/batch-news.ts";
import { claimDueJobs, jobsOnAbsent, type TypicalRun, typicalRuns } from "../../repos/batch-sweep.ts";
import type { KnownProvider } from "../../repos/evidence.ts";
import { type Case, endMember } from "./judge.ts";
import { recallResults } from "./recall.ts";
import { settleJobs } from "./settle-batch.ts";

export type SweepBatchDeps = Pick<Deps, "db" | "clock" | "ids" | "random" | "queue" | "settings" | "log">;

type Swept = { timedOut: number; lost: number; hedged: number; unresolved: number };

const CLAIM_AT_ONCE = 100;
/** The rest waits for the next sweep, a second later. */
const MOST_CLAIMS = 10;

/** @returns corrections by kind */
export async function sweepBatch(deps: SweepBatchDeps): Promise<Readonly<Swept>> {
  const { db, clock, queue } = deps;
  const swept: Swept = { timedOut: 0, lost: 0, hedged: 0, unresolved: 0 };
  await lookAt(deps, await jobsOnAbsent(db, CLAIM_AT_ONCE), swept);
  const gone = await listGone(db, clock.now(), CLAIM_AT_ONCE);
  await lookAt(deps, [...new Set(gone.map(({ jobId }) => jobId))], swept, new Set(gone.map(({ id }) => id)));
  for (let claims = 0; claims < MOST_CLAIMS; claims++) {
    const due = await claimDueJobs(db, clock.now(), CLAIM_AT_ONCE);
    await lookAt(deps, due, swept);
    if (due.length < CLAIM_AT_ONCE) break;
  }
  await recallResults(deps);
  if (await anyWaiting(db, clock.now())) await queue.ring("batch.dispatch", {});
  return swept;
}

type Gone = ReadonlySet<ExecutionId>;

/**
 * Together; one by one where that fails, so that one job of them holds up no other.
 * @param gone executions that their machines do not have any more
 */
async function lookAt(
  deps: SweepBatchDeps,
  jobs: readonly JobId[],
  swept: Swept,
  gone: Gone = new Set(),
): Promise<void> {
  if (jobs.length === 0) return;
  const typical = await typicalRuns(deps.db, jobs, RULES.hedgePercentile);
  try {
    await look(deps, jobs, typical, swept, gone);
  } catch (error) {
    if (jobs.length === 1) throw error;
    for (const id of jobs)
      await look(deps, [id], typical, swept, gone).catch((err: unknown) => {
        deps.log.error({ err, job: id }, "a batch job could not be looked at; the next sweep tries again");
      });
  }
}

async function look(
  deps: SweepBatchDeps,
  jobs: readonly JobId[],
  typical: ReadonlyMap<JobId, TypicalRun>,
  swept: Swept,
  gone: Gone,
): Promise<void> {
  const cases = await settleJobs(deps, {
    jobs,
    change: (all, { providers }, now) => {
      const open = [...all.values()].filter(({ job }) => !job.decidedAt);
      for (const one of open) {
        for (const member of one.members.filter(({ status }) => isBatchLive(status))) {
          if (member.deadlineAt <= now) endMember(one, member, "timedOut", "timed-out", now);
          else {
            const end = absence(providers.get(member.providerId)) ?? (gone.has(member.id) ? "infrastructure" : null);
            if (end) endMember(one, member, "gone", end, now);
          }
        }
        hedge(one, typical.get(one.job.id), now);
      }
      return { value: open, results: [] };
    },
  });
  for (const { job, members, ended, told } of cases) {
    for (const { id, endCause } of members) {
      if (ended.has(id) && endCause === "timed-out") swept.timedOut += 1;
      if (ended.has(id) && endCause !== null && LOST.has(endCause)) swept.lost += 1;
    }
    if (told?.code === "hedged") swept.hedged += 1;
    if (job.reason !== null && NOBODY_CAME.has(job.reason)) swept.unresolved += 1;
  }
}

/** Ends of jobs that no machine was found for in time. */
const NOBODY_CAME: ReadonlySet<ReasonCode> = new Set(["no-machines", "over-limit", "needs-command"]);
const LOST: ReadonlySet<BatchEnd> = new Set(["provider-silent", "suspended", "infrastructure"]);

/** Why what lives there ends. A decision of the broker about the machine is told as that, and is no failure of it. */
function absence(provider: KnownProvider | undefined): BatchEnd | null {
  if (provider?.admission !== "approved" || provider.quarantined) return "suspended";
  return provider.presence === "offline" ? "provider-silent" : null;
}

/** Where too little is known of runs like it, that is asked again after this. */
const KNOWS_MORE_MS = 60_000;

/** One more copy, once a job, where all that runs takes longer than nearly all runs like it took. */
function hedge(one: Case, like: TypicalRun | undefined, now: Date): void {
  const { job, members } = one;
  const live = members.filter(({ status }) => isBatchLive(status));
  if (job.hedged || job.copiesWanted > 0 || live.length === 0) return;
  one.hedgeAt = new Date(now.getTime() + KNOWS_MORE_MS);
  if (!like || like.ms === null || like.samples < RULES.hedgeSamples) return;
  one.hedgeAt = null;
  if (members.length >= RULES.mostExecutions) return;
  const newest = Math.max(...live.map(({ startedAt, createdAt }) => (startedAt ?? createdAt).getTime()));
  const at = new Date(newest + like.ms);
  if (at > now) {
    one.hedgeAt = at;
    return;
  }
  job.hedged = true;
  job.copiesWanted = 1;
  one.told = { code: "hedged", message: "It runs longer than nearly all runs like it: one more machine is asked." };
}
