// The two panels beside a job: what it costs and what it is.
import type { JobView } from "../../protocol/views.ts";
import { Panel } from "../shell/page.tsx";
import { Money } from "../ui/money.tsx";
import { clockSpan } from "../ui/span.ts";
import { Moment } from "../ui/time.tsx";
import { gpuWords } from "./jobs-table.tsx";

export function BillPanel({ job }: { readonly job: JobView }) {
  return (
    <Panel title={job.ended_at ? "Bill" : "Bill so far"}>
      <dl className="facts">
        <dt>Billed</dt>
        <dd className="num">{clockSpan(job.running_seconds)}</dd>
        {job.outage_seconds > 0 && (
          <>
            <dt>Provider silent, not charged</dt>
            <dd className="num">{clockSpan(job.outage_seconds)}</dd>
          </>
        )}
        <dt>Rate per hour</dt>
        <dd>
          <Money usd={job.price_per_hour} />
        </dd>
        <dt className="sum">Cost</dt>
        <dd className="sum">
          <Money usd={job.cost_so_far} />
        </dd>
        {!job.ended_at && (
          <>
            <dt>Held for it</dt>
            <dd>
              <Money usd={job.held} />
            </dd>
          </>
        )}
        {job.expires_at && (
          <>
            <dt>{job.ended_at ? "Paid until" : "Ends"}</dt>
            <dd>
              <Moment at={job.expires_at} withDay />
            </dd>
          </>
        )}
        {job.ended_at && (
          <>
            <dt>Ended</dt>
            <dd>
              <Moment at={job.ended_at} withDay />
            </dd>
          </>
        )}
      </dl>
      <p className="mt-3 border-line border-t pt-3 text-ink-3 text-small">
        Cost = rate × whole seconds billed ÷ 3600, rounded down to the millionth of a dollar.
      </p>
    </Panel>
  );
}

export function MachinePanel({ job }: { readonly job: JobView }) {
  return (
    <Panel title="Machine">
      <dl className="facts">
        <dt>Provider</dt>
        <dd>{job.provider_name}</dd>
        <dt>Region</dt>
        <dd>{job.region}</dd>
        <dt>GPUs</dt>
        <dd>
          {gpuWords(job)}
          {job.declared && <span className="text-ink-3 text-small"> (declared)</span>}
        </dd>
        <dt>vCPU</dt>
        <dd className="num">{job.cpu_cores}</dd>
        <dt>Memory</dt>
        <dd className="num">{job.memory_gb} GB</dd>
        <dt>Disk</dt>
        <dd className="num">{job.storage_gb} GB</dd>
        {job.template && (
          <>
            <dt>Template</dt>
            <dd>{job.template}</dd>
          </>
        )}
        <dt>Image</dt>
        <dd>
          <span className="num">{job.image}</span>
          {job.runtime === "process" && <span className="text-ink-3 text-small"> (not used)</span>}
        </dd>
      </dl>
      <p className="mt-3 text-ink-2 text-small">Host key</p>
      <p className="num text-small [overflow-wrap:anywhere]">{job.host_key_fingerprint}</p>
    </Panel>
  );
}
