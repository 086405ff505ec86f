// A delivery meets its execution: in time, late, again, or against what was delivered before.
import { isBatchLive } from "../../../domain/execution/batch-state.ts";
import type { Delivery } from "./delivery.ts";
import { type Case, endMember } from "./judge.ts";

export interface Noted {
  readonly status: "accepted" | "late" | "refused";
  readonly detail: string;
  /** whether it is the first of its execution, and kept */
  readonly fresh: boolean;
}

type Member = Case["members"][number];

export function noteDelivery(one: Case, delivery: Delivery, now: Date): Noted {
  const member = one.members.find(({ id }) => id === delivery.id);
  if (!member) return { status: "refused", detail: "This machine was given no such execution.", fresh: false };
  if (member.resultHash !== null) return again(member, delivery);
  member.resultHash = delivery.hash;
  member.digest = delivery.digest;
  one.touched.add(member.id);
  if (!isBatchLive(member.status)) return { status: "late", detail: whyLate(member), fresh: true };
  member.detail = delivery.detail;
  member.exitCode = delivery.exitCode;
  if (delivery.end !== "cannot-run") began(one, member, delivery, now);
  endMember(one, member, delivery.end === null ? "result" : "errored", delivery.end, now);
  return { status: "accepted", detail: delivery.end === null ? "" : delivery.detail, fresh: true };
}

function again(member: Member, { hash, digest, end }: Delivery): Noted {
  const late =
    member.status === "stopped" || member.status === "lost" || (member.endCause === "timed-out" && end !== "timed-out");
  const same = member.resultHash === hash && member.digest === digest && (late || member.endCause === end);
  if (!same)
    return { status: "refused", detail: "Another result of this execution was delivered before.", fresh: false };
  return late
    ? { status: "late", detail: whyLate(member), fresh: false }
    : { status: "accepted", detail: "", fresh: false };
}

function whyLate({ status, endCause }: Member): string {
  if (status === "lost") return "It was given up when this machine fell silent.";
  return endCause === "timed-out" ? "It was given up when its time was over." : "The job was decided without it.";
}

/** Never more than we saw: from the moment it was given out to now. */
function began({ job }: Case, member: Member, { runMs, startedAt }: Delivery, now: Date): void {
  const seenMs = Math.max(0, now.getTime() - member.createdAt.getTime());
  member.runMs = Math.min(runMs, seenMs);
  const said = startedAt?.getTime() ?? now.getTime() - member.runMs;
  const from = Math.min(now.getTime(), Math.max(member.createdAt.getTime(), said));
  member.startedAt ??= new Date(from);
  if (!job.startedAt || member.startedAt < job.startedAt) job.startedAt = member.startedAt;
}
