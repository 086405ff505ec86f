// The one thing to know about a job right now: why it ended, that it ends soon, that its provider is silent.
import Link from "next/link";
import type { Fault } from "../../domain/job/reasons.ts";
import type { JobView } from "../../protocol/job-views.ts";
import { Notice } from "../ui/notice.tsx";
import { rentAgain } from "./rent-again.ts";

const FAULT_WORDS: Readonly<Record<Fault, string>> = {
  customer: "On your side.",
  provider: "The provider's fault.",
  broker: "Our fault.",
  nobody: "",
};

/** Minutes before the end at which a warning is shown. */
const WARN_MINUTES = 15;
const URGENT_MINUTES = 5;

/** @param now when the server read the job, RFC 3339 */
export function StateNotice({ job, now }: { readonly job: JobView; readonly now: string }) {
  if (job.reason) {
    const failed = job.status === "failed";
    return (
      <Notice
        tone={failed ? "bad" : "plain"}
        title={`${job.reason.sentence} ${failed ? FAULT_WORDS[job.reason.fault] : ""}`.trim()}
      >
        {job.reason.remedy}
        {job.reason.suggests && (
          <>
            {" "}
            <Link className="link" href={rentAgain(job)}>
              Rent again with that
            </Link>
          </>
        )}
      </Notice>
    );
  }
  if (job.unreachable) {
    return (
      <Notice tone="wait" title="The provider is silent." live>
        You are not charged while it is. After ten minutes without a sign of life the rental ends.
      </Notice>
    );
  }
  if (job.status === "running" && job.expires_at) {
    const minutes = Math.ceil((Date.parse(job.expires_at) - Date.parse(now)) / 60_000);
    if (minutes <= WARN_MINUTES) {
      return (
        <Notice tone={minutes <= URGENT_MINUTES ? "bad" : "wait"} title={`Ends in ${Math.max(0, minutes)} min.`} live>
          Storage ends with the rental: extend it, or copy what you need now.
        </Notice>
      );
    }
  }
  if (job.status === "pending") {
    return <Notice>The provider is starting it. Billing begins when the SSH login answers, not before.</Notice>;
  }
  return null;
}
