// The rent page with a job's own wishes in it, and the sizes that its end suggests.
import type { JobView } from "../../protocol/job-views.ts";
import type { WishText } from "../rent/wish.ts";

type Rented = Pick<
  JobView,
  | ("name" | "gpu_model" | "gpu_count" | "cpu_cores" | "memory_gb" | "storage_gb" | "duration_hours")
  | ("template" | "image" | "http_port" | "reason")
>;

/** The variables are not in it: they may be secrets, and addresses are kept in histories. */
export function rentAgain(job: Rented): string {
  const wish: WishText = {
    ...(job.gpu_model ? { gpu_type: job.gpu_model } : {}),
    gpu_count: String(job.gpu_count),
    duration_hours: String(job.duration_hours),
    cpu_cores: String(job.cpu_cores),
    memory_gb: String(job.reason?.suggests?.memory_gb ?? job.memory_gb),
    storage_gb: String(job.reason?.suggests?.storage_gb ?? job.storage_gb),
    ...(job.http_port === null ? {} : { http_port: String(job.http_port) }),
    ...(job.template ? { template: job.template } : { image: job.image }),
    name: job.name,
  };
  return `/rent?${new URLSearchParams(wish)}`;
}
