// Who is paid for a decided batch job: what each execution came to, as the rule of payment asks it.
import type { ExecutionId } from "../../../domain/ids.ts";
import { payBatch, type Run } from "../../../domain/money/batch-pay.ts";
import { failsLike } from "../../../domain/verification/fault.ts";
import { type Case, outcomeOf } from "./judge.ts";

/** Who is paid for a case that was just decided, and by whom: by execution. */
export function paymentsOf(one: Case): ReturnType<typeof payBatch> {
  const { job, members } = one;
  // What was never begun took nobody's place among those that the customer pays.
  const counted = members.filter((member) => outcomeOf(member).kind !== "void" || member.runMs !== null);
  const runs = counted.map(({ id, rate, runMs }, index): Run => {
    return { id, number: index + 1, rate, runMs, role: roleOf(one, id) };
  });
  const { redundancy, timeoutSeconds } = job;
  return payBatch(runs, { redundancy, timeoutSeconds, held: job.heldCash + job.heldPromotion });
}

function roleOf(one: Case, id: ExecutionId): Run["role"] {
  const { job, members, ended, decision } = one;
  const member = members.find((each) => each.id === id);
  const kind = job.verdict?.kind;
  if (!member || kind === undefined || kind === "unresolved" || kind === "failed") return "unpaid";
  if (ended.get(id) === "cancelled") return "cancelled";
  if (kind === "cancelled") return member.status === "succeeded" ? "cancelled" : "unpaid";
  if (kind === "job-error")
    return decision && failsLike({ end: member.endCause, exitCode: member.exitCode }, decision) ? kind : "unpaid";
  if (member.status !== "succeeded") return "unpaid";
  return kind === "nondeterministic" ? "nondeterministic" : (member.vote ?? "unpaid");
}
