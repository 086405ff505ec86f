// Beside a batch job: what was asked for.
import { quorumOf } from "../../domain/job/batch.ts";
import type { BatchJobView } from "../../protocol/batch.ts";
import { Panel } from "../shell/page.tsx";
import { Fact, Facts } from "../ui/facts.tsx";
import { gpuName } from "../ui/gpu-name.ts";
import { clockSpan } from "../ui/span.ts";

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
      <Facts>
        <Fact name="Image" className="num">
          {job.docker_image}
        </Fact>
        <Fact name="vCPU, memory" className="num">
          {job.required_cpu}, {job.required_memory} GB
        </Fact>
        <Fact name="GPUs">
          {job.gpu_count === 0 ? "none" : `${job.gpu_count} × ${job.gpu_model ? gpuName(job.gpu_model) : "any model"}`}
        </Fact>
        <Fact name="Owners that have to agree" className="num">
          {quorumOf(job)}
        </Fact>
        <Fact name="Runs paid, at most" className="num">
          {job.redundancy}
        </Fact>
        <Fact name="Assurance, dispatch">
          {job.assurance}, {job.dispatch}
        </Fact>
        <Fact name="Compared">
          {COMPARED[comparator.kind]}
          {comparator.kind === "numeric" && (
            <span className="num text-small">
              {" "}
              ± {comparator.rtol} × value + {comparator.atol}
            </span>
          )}
        </Fact>
        <Fact name="Network">{job.network ? "on" : "off"}</Fact>
        <Fact name="Timeout of a run" className="num">
          {clockSpan(job.timeout_seconds)}
        </Fact>
        <Fact name="Waits for machines" className="num">
          {clockSpan(job.queue_timeout)}
        </Fact>
        {names.length > 0 && (
          <Fact name="Variables, sealed" className="num">
            {names.join(", ")}
          </Fact>
        )}
        {job.files.length > 0 && (
          <Fact name="Output files" className="num">
            {job.files.join(", ")}
          </Fact>
        )}
        {job.reusable && <Fact name="May check machines">yes</Fact>}
      </Facts>
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
