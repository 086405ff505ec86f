// An owner's machines, a row each; what needs a hand is said in the row.
import Link from "next/link";
import type { OwnProviderView } from "../../protocol/provider-views.ts";
import { Berths } from "../ui/berths.tsx";
import { gpuName } from "../ui/gpu-name.ts";
import { Money } from "../ui/money.tsx";
import { roughSpan } from "../ui/span.ts";
import { Status } from "../ui/status.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { berthsOf, percent } from "./words.ts";

interface MachinesProps {
  readonly machines: readonly OwnProviderView[];
  /** when the server read them, RFC 3339 */
  readonly now: string;
}

export function MachineStatus({ machine, now }: { readonly machine: OwnProviderView; readonly now: string }) {
  const { status, offline_since: since, drain } = machine;
  if (status === "offline" && since) {
    return <Status status="offline">offline {roughSpan(Date.parse(now) - Date.parse(since))}</Status>;
  }
  if (status === "draining" && drain === "maintenance") return <Status status="draining">maintenance</Status>;
  return <Status status={status} />;
}

export function modelWords({ gpus, cpu_cores }: Pick<OwnProviderView, "gpus" | "cpu_cores">): string {
  if (gpus.length === 0) return `${cpu_cores} vCPU, no GPU`;
  return gpus.map(({ model, total }) => `${total} × ${gpuName(model)}`).join(", ");
}

const columns = (now: string): readonly Column<OwnProviderView>[] => [
  {
    head: "Machine",
    cell: ({ id, name, region, notices }) => (
      <>
        <Link className="link font-[540]" href={`/provider/${id}`}>
          {name}
        </Link>{" "}
        <span className="text-ink-3 text-small">{region}</span>
        {notices[0] && <p className="mt-0.5 text-ink-2 text-small">{notices[0]}</p>}
      </>
    ),
    className: "max-w-[24rem]",
  },
  { head: "Status", cell: (machine) => <MachineStatus machine={machine} now={now} /> },
  { head: "GPUs", cell: modelWords, span: "double" },
  { head: "Capacity", cell: (machine) => <Berths counts={berthsOf(machine)} /> },
  {
    head: "Uptime, 30 d",
    cell: ({ uptime }) => (uptime === null ? <span className="text-ink-3">not seen yet</span> : percent(uptime)),
    right: true,
    className: "num",
  },
  { head: "Reputation", cell: ({ reputation }) => reputation, right: true, className: "num" },
  { head: "GPU-hour", cell: ({ price_per_gpu_hour: price }) => <Money usd={price} short />, right: true },
  { head: "Earned", cell: ({ earned }) => <Money usd={earned} />, right: true, span: "double" },
];

export function MachinesTable({ machines, now }: MachinesProps) {
  return <Table caption="Machines" columns={columns(now)} rows={machines} keyOf={({ id }) => id} />;
}
