// Every GPU of a machine, and what it does now; and what runs there, of whose nothing is said.
import type { OwnProviderView } from "../../protocol/provider-views.ts";
import { Panel } from "../shell/page.tsx";
import { Berths } from "../ui/berths.tsx";
import { gpuName } from "../ui/gpu-name.ts";
import { Money } from "../ui/money.tsx";
import { Status } from "../ui/status.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { Moment } from "../ui/time.tsx";
import { EXECUTION_SHAPES, gigabytes } from "./words.ts";

type Gpu = OwnProviderView["gpu_list"][number];

function stateOf(gpu: Gpu, machine: OwnProviderView) {
  if (gpu.execution_id !== null) return "use";
  return gpu.present && machine.status === "available" ? "free" : "off";
}

const ONE = { free: 0, use: 0, mining: 0, off: 0 };

const columns = (machine: OwnProviderView): readonly Column<Gpu>[] => [
  {
    head: "GPU",
    cell: (gpu) => (
      <>
        <span className="num text-ink-3">{gpu.index}</span> {gpuName(gpu.model)}{" "}
        {gpu.declared && <Status status="declared" title="Its owner said so; no driver was asked." />}
        <p className="num text-ink-3 text-small [overflow-wrap:anywhere]">{gpu.uuid}</p>
      </>
    ),
  },
  {
    head: "State",
    cell: (gpu) => (
      <>
        <Berths counts={{ ...ONE, [stateOf(gpu, machine)]: 1 }} />{" "}
        {gpu.present ? { use: "in use", free: "free", off: "out of reach" }[stateOf(gpu, machine)] : "gone"}
      </>
    ),
  },
  {
    head: "Busy",
    cell: ({ utilization_percent: busy }) => (busy === null ? <NotTold /> : `${Math.round(busy)} %`),
    right: true,
    className: "num",
  },
  {
    head: "Memory used",
    cell: (gpu) => (
      <>
        {gpu.memory_used_mb === null ? <NotTold /> : gigabytes(gpu.memory_used_mb)}
        <span className="text-ink-3">
          {gpu.memory_used_mb === null ? "," : " of"} {gigabytes(gpu.vram_mb)}
          {gpu.memory_used_mb === null && " in all"}
        </span>
      </>
    ),
    right: true,
    className: "num",
  },
  { head: "Driver", cell: ({ driver }) => driver ?? <NotTold />, className: "num" },
];

export function GpuList({ machine }: { readonly machine: OwnProviderView }) {
  if (machine.gpu_list.length === 0) return null;
  return (
    <section className="sheet" aria-label="GPUs">
      <Table caption="GPUs" columns={columns(machine)} rows={machine.gpu_list} keyOf={({ uuid }) => uuid} />
    </section>
  );
}

function NotTold() {
  return <span className="font-sans text-ink-3">not told</span>;
}

export function RunsThere({ machine }: { readonly machine: OwnProviderView }) {
  const { executions } = machine;
  return (
    <Panel title="Runs there now" note={executions.length > 0 ? "what a customer pays, before the fee" : null}>
      {executions.length === 0 ? (
        <p className="text-cell text-ink-3">
          {machine.status === "available" ? "Nothing. It is on the market." : "Nothing."}
        </p>
      ) : (
        <ul className="text-cell">
          {executions.map((execution) => (
            <li
              key={execution.id}
              className="flex flex-wrap items-baseline gap-x-4 gap-y-1 border-line border-b border-dashed py-2 last:border-b-0"
            >
              <Status status={EXECUTION_SHAPES[execution.status]}>{execution.status}</Status>
              <span>
                {execution.kind === "batch" ? "batch job, " : "rental, "}
                {execution.gpu_count > 0 && `${execution.gpu_count} GPU${execution.gpu_count > 1 ? "s" : ""}, `}
                {execution.cpu_cores} vCPU, {execution.memory_gb} GB
              </span>
              <span className="ml-auto">
                <Money usd={execution.price_per_hour} short /> / h
              </span>
              {execution.expires_at && (
                <span className="w-full text-ink-3 text-small">
                  {execution.kind === "batch" ? "over by" : "paid until"} <Moment at={execution.expires_at} withDay />
                </span>
              )}
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
