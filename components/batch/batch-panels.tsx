// Beside a batch job: what it costs, and what was asked for.
import { quorumOf } from "../../domain/job/batch.ts";
import type { BatchJobView } from "../../protocol/batch.ts";
import { Panel } from "../shell/page.tsx";
import { gpuName } from "../ui/gpu-name.ts";
import { Money } from "../ui/money.tsx";
import { clockSpan } from "../ui/span.ts";
import { Moment } from "../ui/time.tsx";

export function BatchBill({ job }: { readonly job: BatchJobView }) {
  return (
    <Panel title={job.completed_at ? "Bill" : "Bill so far"}>
      <dl className="facts">
        <dt>Runs</dt>
        <dd className="num">{job.executions_count}</dd>
        <dt>A run, at most, per hour</dt>
        <dd>
          <Money usd={job.price_per_hour} />
        </dd>
        <dt className="sum">Cost</dt>
        <dd className="sum">
          <Money usd={job.cost_so_far} />
        </dd>
        {!job.completed_at && (
          <>
            <dt>Held for it</dt>
            <dd>
              <Money usd={job.held} />
            </dd>
          </>
        )}
        <dt>Submitted</dt>
        <dd>
          <Moment at={job.submitted_at} withDay />
        </dd>
        {job.completed_at && (
          <>
            <dt>Decided</dt>
            <dd>
              <Moment at={job.completed_at} withDay />
            </dd>
          </>
        )}
      </dl>
      <p className="mt-3 border-line border-t pt-3 text-ink-3 text-small">
        Paid are runs that agreed, by the begun second and at most one and a half times their median. Disagreeing,
        failed and late ones cost nothing.
      </p>
    </Panel>
  );
}

const COMPARED: Readonly<Record<BatchJobView["comparator"]["kind"], string>> = {
  exact: "byte by byte",
  json: "as JSON",
  numeric: "numbers",
  files: "files only",
};

export function SettingsPanel({ job }: { readonly job: BatchJobView }) {
  const { comparator } = job;
  const names = Object.keys(job.environment);
  return (
    <Panel title="What was asked">
      <dl className="facts">
        <dt>Image</dt>
        <dd className="num">{job.docker_image}</dd>
        <dt>vCPU, memory</dt>
        <dd className="num">
          {job.required_cpu}, {job.required_memory} GB
        </dd>
        <dt>GPUs</dt>
        <dd>
          {job.gpu_count === 0 ? "none" : `${job.gpu_count} × ${job.gpu_model ? gpuName(job.gpu_model) : "any model"}`}
        </dd>
        <dt>Owners that have to agree</dt>
        <dd className="num">{quorumOf(job)}</dd>
        <dt>Runs paid, at most</dt>
        <dd className="num">{job.redundancy}</dd>
        <dt>Assurance, dispatch</dt>
        <dd>
          {job.assurance}, {job.dispatch}
        </dd>
        <dt>Compared</dt>
        <dd>
          {COMPARED[comparator.kind]}
          {comparator.kind === "numeric" && (
            <span className="num text-small">
              {" "}
              ± {comparator.rtol} × value + {comparator.atol}
            </span>
          )}
        </dd>
        <dt>Network</dt>
        <dd>{job.network ? "on" : "off"}</dd>
        <dt>Timeout of a run</dt>
        <dd className="num">{clockSpan(job.timeout_seconds)}</dd>
        <dt>Waits for machines</dt>
        <dd className="num">{clockSpan(job.queue_timeout)}</dd>
        {names.length > 0 && (
          <>
            <dt>Variables, sealed</dt>
            <dd className="num">{names.join(", ")}</dd>
          </>
        )}
        {job.files.length > 0 && (
          <>
            <dt>Output files</dt>
            <dd className="num">{job.files.join(", ")}</dd>
          </>
        )}
        {job.reusable && (
          <>
            <dt>May check machines</dt>
            <dd>yes</dd>
          </>
        )}
      </dl>
      {job.input_data !== "" && (
        <details className="mt-3 text-ink-2 text-small">
          <summary className="w-fit py-1 underline decoration-edge underline-offset-3">
            Input, {job.input_data.length} characters
          </summary>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
          <pre className="max-h-48 overflow-auto whitespace-pre-wrap bg-sunk p-2 [overflow-wrap:anywhere]" tabIndex={0}>
            {job.input_data.slice(0, 4000)}
          </pre>
        </details>
      )}
    </Panel>
  );
}
