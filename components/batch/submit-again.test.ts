import { expect, test } from "vitest";
import { BatchBody, type BatchJobView } from "../../protocol/batch.ts";
import { jobYaml, readJobYaml } from "./job-yaml.ts";
import { submitAgain } from "./submit-again.ts";
import { credibilityWords } from "./verdict-banner.tsx";

const job: BatchJobView = {
  ...{ id: "job_a", job_id: "job_a", kind: "batch", name: "hash", description: "", docker_image: "alpine:3.20" },
  command: ["sh", "-c", "seq 3 |\n sha256sum"],
  environment: {},
  ...{ input_data: "", required_cpu: 1, required_memory: 1, required_gpu: false, redundancy: 3, consensus: 2 },
  ...{ status: "completed", submitted_by: `0x${"1".repeat(40)}`, submitted_at: "2026-03-01T00:00:00Z" },
  ...{ credits_required: 0, assurance: "standard", dispatch: "lazy", comparator: { kind: "exact" }, files: [] },
  ...{ network: false, reusable: false, gpu_count: 0, gpu_model: null, timeout_seconds: 300, queue_timeout: 600 },
  ...{ reason: null, verdict: null, waiting: null, queue_position: null, executions_count: 2 },
  ...{
    price_per_hour: "0.042000",
    cost_so_far: "0.000024",
    refunded: "0.000000",
    held: "0.000000",
    created_at: "2026-03-01T00:00:00Z",
  },
};

test("a usual job is submitted again with what it says, and nothing that is usual", () => {
  expect(Object.keys(submitAgain(job))).toEqual(["kind", "name", "docker_image", "command"]);
});

test("a job is submitted again as it was, settings, files and sizes", () => {
  const other: BatchJobView = {
    ...job,
    ...{ description: "why", input_data: "1\n2\n", required_cpu: 4, required_memory: 16, network: true },
    ...{ gpu_count: 2, gpu_model: "NVIDIA H100", required_gpu: true, assurance: "high", dispatch: "eager" },
    comparator: { kind: "numeric", rtol: 0.5, atol: 0 },
    files: ["out/a.json"],
    ...{ redundancy: 5, consensus: 3, timeout_seconds: 60, queue_timeout: 61, reusable: true },
  };
  const body = BatchBody.parse(readJobYaml(jobYaml(submitAgain(other))).body);
  expect(body).toMatchObject({
    ...{ description: "why", input_data: "1\n2\n", required_cpu: 4, required_memory: 16, network: true },
    ...{ gpu_count: 2, gpu_type: "NVIDIA H100", assurance: "high", dispatch: "eager", files: ["out/a.json"] },
    comparator: { kind: "numeric", rtol: 0.5, atol: 0 },
    command: job.command,
    ...{ redundancy: 5, consensus: 3, timeout_seconds: 60, queue_timeout: 61, reusable: true },
  });
});

test("sealed variables come back as names to fill in", () => {
  expect(submitAgain({ ...job, environment: { TOKEN: "" } }).environment).toEqual({ TOKEN: "" });
});

test("no result is ever shown as certain", () => {
  expect([1, 0.99996, 0.98765].map(credibilityWords)).toEqual(["99.99 %", "99.99 %", "98.76 %"]);
});
