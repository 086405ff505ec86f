// An account's jobs, newest first.
import Link from "next/link";
import type { BatchJobView } from "../../protocol/batch.ts";
import type { JobView } from "../../protocol/job-views.ts";
import type { AnyJobView } from "../../protocol/operations/job.ts";
import { runWords } from "../batch/lanes.ts";
import { Votes } from "../batch/votes.tsx";
import { gpuName } from "../ui/gpu-name.ts";
import { Money } from "../ui/money.tsx";
import { clockSpan } from "../ui/span.ts";
import { Status } from "../ui/status.tsx";
import { type Column, Table } from "../ui/table.tsx";
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

const columns = (now: string): readonly Column<AnyJobView>[] => [
  {
    head: "Job",
    cell: ({ id, name }) => (
      <Link className="link font-[540]" href={`/jobs/${id}`}>
        {name}
      </Link>
    ),
  },
  { head: "Kind", cell: ({ kind }) => kind },
  {
    head: "Status",
    cell: (job) => (
      <>
        <Status status={job.status} />
        {job.kind === "rental" && job.unreachable && <span className="ml-2 text-bad text-small">provider silent</span>}
        {job.kind === "batch" && job.verdict?.recalled_at && (
          <span className="ml-2 text-bad text-small">taken back</span>
        )}
      </>
    ),
  },
  {
    head: "On",
    cell: (job) => gpuWords(job.kind === "rental" ? job : { ...job, cpu_cores: job.required_cpu }),
    className: "md:whitespace-nowrap",
  },
  { head: "By", cell: (job) => (job.kind === "rental" ? job.provider_name : <Votes job={job} />) },
  {
    head: "Running",
    cell: (job) => (job.kind === "rental" ? clockSpan(job.running_seconds) : batchSpan(job, now)),
    right: true,
    className: "num",
  },
  { head: "Per hour", cell: ({ price_per_hour: price }) => <Money usd={price} short />, right: true },
  { head: "Cost so far", cell: ({ cost_so_far: cost }) => <Money usd={cost} />, right: true },
  { head: "Made", cell: ({ created_at: at }) => <Moment at={at} withDay />, right: true, span: "double" },
];

export function JobsTable({ jobs, now }: JobsTableProps) {
  return <Table caption="Jobs" columns={columns(now)} rows={jobs} keyOf={({ id }) => id} />;
}
