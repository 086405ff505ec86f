// An account's jobs, newest first.
import Link from "next/link";
import type { JobView } from "../../protocol/views.ts";
import { gpuName } from "../ui/gpu-name.ts";
import { Money } from "../ui/money.tsx";
import { clockSpan } from "../ui/span.ts";
import { Status } from "../ui/status.tsx";
import { Moment } from "../ui/time.tsx";

export function gpuWords(job: Pick<JobView, "gpu_count" | "gpu_model" | "cpu_cores">): string {
  return job.gpu_model ? `${job.gpu_count} × ${gpuName(job.gpu_model)}` : `${job.cpu_cores} vCPU, no GPU`;
}

export function JobsTable({ jobs }: { readonly jobs: readonly JobView[] }) {
  return (
    <table className="table">
      <caption className="sr-only">Jobs</caption>
      <thead>
        <tr>
          <th scope="col">Job</th>
          <th scope="col">Status</th>
          <th scope="col">GPUs</th>
          <th scope="col">Provider</th>
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
            <td data-label="Status">
              <Status status={job.status} />
              {job.unreachable && <span className="ml-2 text-bad text-small">provider silent</span>}
            </td>
            <td data-label="GPUs">{gpuWords(job)}</td>
            <td data-label="Provider">{job.provider_name}</td>
            <td data-label="Running" className="r num">
              {clockSpan(job.running_seconds)}
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
