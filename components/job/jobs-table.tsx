// An account's jobs, newest first.
import Link from "next/link";
import type { BatchJobView } from "../../protocol/batch.ts";
import type { AnyJobView } from "../../protocol/operations/job.ts";
import type { JobView } from "../../protocol/views.ts";
import { runWords } from "../batch/lanes.ts";
import { Votes } from "../batch/votes.tsx";
import { gpuName } from "../ui/gpu-name.ts";
import { Money } from "../ui/money.tsx";
import { clockSpan } from "../ui/span.ts";
import { Status } from "../ui/status.tsx";
import { Moment } from "../ui/time.tsx";

export function gpuWords(job: Pick<JobView, "gpu_count" | "gpu_model" | "cpu_cores">): string {
  if (job.gpu_count === 0) return `${job.cpu_cores} vCPU, no GPU`;
  return `${job.gpu_count} × ${job.gpu_model ? gpuName(job.gpu_model) : "any GPU"}`;
}

/** From the first start to the verdict, or to now. */
function batchSpan({ started_at: start, completed_at: end }: BatchJobView, now: string): string {
  return start ? runWords(Date.parse(end ?? now) - Date.parse(start)) : "not yet";
}

interface JobsTableProps {
  readonly jobs: readonly AnyJobView[];
  /** when the server read them, RFC 3339 */
  readonly now: string;
}

export function JobsTable({ jobs, now }: JobsTableProps) {
  return (
    <table className="table">
      <caption className="sr-only">Jobs</caption>
      <thead>
        <tr>
          <th scope="col">Job</th>
          <th scope="col">Kind</th>
          <th scope="col">Status</th>
          <th scope="col">On</th>
          <th scope="col">By</th>
          <th scope="col" className="r">
            Running
          </th>
          <th scope="col" className="r">
            Per hour
          </th>
          <th scope="col" className="r">
            Cost so far
          </th>
          <th scope="col" className="r">
            Made
          </th>
        </tr>
      </thead>
      <tbody>
        {jobs.map((job) => (
          <tr key={job.id}>
            <td data-wide="">
              <Link className="link font-[540]" href={`/jobs/${job.id}`}>
                {job.name}
              </Link>
            </td>
            <td data-label="Kind">{job.kind}</td>
            <td data-label="Status">
              <Status status={job.status} />
              {job.kind === "rental" && job.unreachable && (
                <span className="ml-2 text-bad text-small">provider silent</span>
              )}
              {job.kind === "batch" && job.verdict?.recalled_at && (
                <span className="ml-2 text-bad text-small">taken back</span>
              )}
            </td>
            <td data-label="On" className="md:whitespace-nowrap">
              {gpuWords(job.kind === "rental" ? job : { ...job, cpu_cores: job.required_cpu })}
            </td>
            <td data-label="By">{job.kind === "rental" ? job.provider_name : <Votes job={job} />}</td>
            <td data-label="Running" className="r num">
              {job.kind === "rental" ? clockSpan(job.running_seconds) : batchSpan(job, now)}
            </td>
            <td data-label="Per hour" className="r">
              <Money usd={job.price_per_hour} short />
            </td>
            <td data-label="Cost so far" className="r">
              <Money usd={job.cost_so_far} />
            </td>
            <td data-label="Made" data-double="" className="r">
              <Moment at={job.created_at} withDay />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
