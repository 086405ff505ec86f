// Beside a rental: what it is made of.
import type { JobView } from "../../protocol/job-views.ts";
import { Panel } from "../shell/page.tsx";
import { Fact, Facts } from "../ui/facts.tsx";
import { gpuWords } from "./jobs-table.tsx";

export function MachinePanel({ job }: { readonly job: JobView }) {
  return (
    <Panel title="Machine">
      <Facts>
        <Fact name="Provider">{job.provider_name}</Fact>
        <Fact name="Region">{job.region}</Fact>
        <Fact name="GPUs">
          {gpuWords(job)}
          {job.declared && <span className="text-ink-3 text-small"> (declared)</span>}
        </Fact>
        <Fact name="vCPU" className="num">
          {job.cpu_cores}
        </Fact>
        <Fact name="Memory" className="num">
          {job.memory_gb} GB
        </Fact>
        <Fact name="Disk" className="num">
          {job.storage_gb} GB
        </Fact>
        {job.template && <Fact name="Template">{job.template}</Fact>}
        <Fact name="Image">
          <span className="num">{job.image}</span>
          {job.runtime === "process" && <span className="text-ink-3 text-small"> (not used)</span>}
        </Fact>
      </Facts>
      <p className="mt-3 text-ink-2 text-small">Host key</p>
      <p className="num text-small [overflow-wrap:anywhere]">{job.host_key_fingerprint}</p>
    </Panel>
  );
}
