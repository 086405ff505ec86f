// What a job costs: a rental by its seconds, a batch job by its runs.
import type { BatchJobView } from "../../protocol/batch.ts";
import type { JobView } from "../../protocol/job-views.ts";
import type { AnyJobView } from "../../protocol/operations/job.ts";
import { Panel } from "../shell/page.tsx";
import { Fact, Facts } from "../ui/facts.tsx";
import { Money } from "../ui/money.tsx";
import { clockSpan } from "../ui/span.ts";
import { Moment } from "../ui/time.tsx";

const RENTAL_RULE = "Cost = rate × whole seconds billed ÷ 3600, rounded down to the millionth of a dollar.";
const BATCH_RULE =
  "Paid are runs that agreed, by the begun second and at most one and a half times their median, and runs that were stopped before they delivered, up to then; none for longer than the job may run. Disagreeing, failed and late ones cost nothing. Where a result is taken back, so is what you paid for wrong ones: you get it back, and all of it where nobody has a right one.";

export function BillPanel({ job }: { readonly job: AnyJobView }) {
  const rental = job.kind === "rental";
  const over = rental ? job.ended_at : job.completed_at;
  return (
    <Panel title={over ? "Bill" : "Bill so far"}>
      <Facts>
        {rental ? <Hours job={job} /> : <Runs job={job} />}
        <Fact name="Cost" sum>
          <Money usd={job.cost_so_far} />
        </Fact>
        {!rental && Number(job.refunded) > 0 && (
          <Fact name="Given back">
            <Money usd={job.refunded} />
          </Fact>
        )}
        {!over && (
          <Fact name="Held for it">
            <Money usd={job.held} />
          </Fact>
        )}
        {rental ? (
          <At name={over ? "Paid until" : "Ends"} at={job.expires_at} />
        ) : (
          <At name="Submitted" at={job.submitted_at} />
        )}
        <At name={rental ? "Ended" : "Decided"} at={over} />
      </Facts>
      <p className="mt-3 border-line border-t pt-3 text-ink-3 text-small">{rental ? RENTAL_RULE : BATCH_RULE}</p>
    </Panel>
  );
}

function Hours({ job }: { readonly job: JobView }) {
  return (
    <>
      <Fact name="Billed">
        <span className="num">{clockSpan(job.running_seconds)}</span>
      </Fact>
      {job.outage_seconds > 0 && (
        <Fact name="Provider silent, not charged">
          <span className="num">{clockSpan(job.outage_seconds)}</span>
        </Fact>
      )}
      <Fact name="Rate per hour">
        <Money usd={job.price_per_hour} />
      </Fact>
    </>
  );
}

function Runs({ job }: { readonly job: BatchJobView }) {
  return (
    <>
      <Fact name="Runs">
        <span className="num">{job.executions_count}</span>
      </Fact>
      <Fact name="A run, at most, per hour">
        <Money usd={job.price_per_hour} />
      </Fact>
    </>
  );
}

function At({ name, at }: { readonly name: string; readonly at: string | null | undefined }) {
  if (!at) return null;
  return (
    <Fact name={name}>
      <Moment at={at} withDay />
    </Fact>
  );
}
