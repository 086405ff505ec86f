// What was decided and why; before that, what it waits for; after a recall, what takes its place.
import Link from "next/link";
import type { ReactNode } from "react";
import type { BatchJobView, VerdictView } from "../../protocol/batch.ts";
import { Money } from "../ui/money.tsx";
import { Notice } from "../ui/notice.tsx";
import { Moment } from "../ui/time.tsx";
import { DigestMark } from "./digest-mark.tsx";

const KINDS = {
  accepted: ["Verified.", "good"],
  unverified: ["Done, not verified.", "wait"],
  "job-error": ["The job itself fails.", "bad"],
  nondeterministic: ["Never the same result twice.", "wait"],
  unresolved: ["Not decided.", "wait"],
  failed: ["Failed.", "bad"],
  cancelled: ["Cancelled.", "plain"],
} as const satisfies Record<VerdictView["kind"], readonly [string, "good" | "wait" | "bad" | "plain"]>;

/** Never rounded up to a certainty: 0.99996 is 99.99 %. */
export function credibilityWords(credibility: number): string {
  return `${(Math.floor(Math.min(credibility, 0.9999) * 10_000) / 100).toFixed(2)} %`;
}

export function VerdictBanner({ job }: { readonly job: BatchJobView }) {
  const { verdict, reason } = job;
  if (!verdict) return <Waiting job={job} />;
  const [title, tone] = KINDS[verdict.kind];
  return (
    <>
      {verdict.recalled_at && <Recalled verdict={verdict} at={verdict.recalled_at} refunded={job.refunded} />}
      <Notice tone={verdict.recalled_at ? "plain" : tone} title={title}>
        <p>{verdict.sentence}</p>
        {reason && <p className="text-ink-2">{reason.remedy}</p>}
        {(verdict.credibility !== null || verdict.digest) && (
          <p className="mt-2 flex flex-wrap items-center gap-x-5 gap-y-1 text-small">
            {verdict.credibility !== null && verdict.kind === "accepted" && (
              <span>
                right with <span className="num">{credibilityWords(verdict.credibility)}</span>
              </span>
            )}
            {verdict.votes > 0 && (
              <span>
                <span className="num">{verdict.votes}</span> {verdict.votes === 1 ? "owner" : "owners"} behind it
              </span>
            )}
            {verdict.digest && (
              <DigestMark digest={verdict.digest} group={{ letter: "A", accepted: true, runs: verdict.votes }} />
            )}
          </p>
        )}
      </Notice>
    </>
  );
}

interface RecalledProps {
  readonly verdict: VerdictView;
  readonly at: string;
  /** USD */
  readonly refunded: string;
}

function Recalled({ verdict, at, refunded }: RecalledProps) {
  return (
    <Notice tone="bad" title="This result was taken back.">
      <p>
        A machine that it rests on was caught with a wrong result <Moment at={at} withDay />.{" "}
        {verdict.recheck ? (
          <>
            It is verified again, at Berth's cost:{" "}
            <Link className="link" href={`/jobs/${verdict.recheck}`}>
              see what comes of it
            </Link>
            .
          </>
        ) : (
          "It uses the network, so nobody can tell now what was right: submit it again if you need it."
        )}
      </p>
      {Number(refunded) > 0 && (
        <p>
          <Money usd={refunded} /> is given back to you.
        </p>
      )}
    </Notice>
  );
}

const DOING: Readonly<Record<string, ReactNode>> = {
  scheduled: "Machines have it; the first run begins any moment.",
  running: "It runs.",
  verifying: "A first result is in; it is held against the others.",
};

function Waiting({ job }: { readonly job: BatchJobView }) {
  if (!job.waiting) return DOING[job.status] ? <Notice>{DOING[job.status]}</Notice> : null;
  return (
    <Notice tone="wait" title={job.waiting}>
      {job.reason && <p className="text-ink-2">{job.reason.remedy}</p>}
      {job.queue_position !== null && (
        <p>
          {job.queue_position === 0 ? (
            "It is the next in line."
          ) : (
            <>
              <span className="num">{job.queue_position}</span> {job.queue_position === 1 ? "job is" : "jobs are"}{" "}
              before it in line.
            </>
          )}
        </p>
      )}
    </Notice>
  );
}
