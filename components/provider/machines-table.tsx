// An owner's machines, a row each; what needs a hand is said in the row.
import Link from "next/link";
import type { OwnProviderView } from "../../protocol/views.ts";
import { Berths } from "../ui/berths.tsx";
import { gpuName } from "../ui/gpu-name.ts";
import { Money } from "../ui/money.tsx";
import { roughSpan } from "../ui/span.ts";
import { Status } from "../ui/status.tsx";
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

export function MachinesTable({ machines, now }: MachinesProps) {
  return (
    <table className="table">
      <caption className="sr-only">Machines</caption>
      <thead>
        <tr>
          <th scope="col">Machine</th>
          <th scope="col">Status</th>
          <th scope="col">GPUs</th>
          <th scope="col">Capacity</th>
          <th scope="col" className="r">
            Uptime, 30 d
          </th>
          <th scope="col" className="r">
            Reputation
          </th>
          <th scope="col" className="r">
            GPU-hour
          </th>
          <th scope="col" className="r">
            Earned
          </th>
        </tr>
      </thead>
      <tbody>
        {machines.map((machine) => (
          <tr key={machine.id}>
            <td data-wide="" className="max-w-[24rem]">
              <Link className="link font-[540]" href={`/provider/${machine.id}`}>
                {machine.name}
              </Link>{" "}
              <span className="text-ink-3 text-small">{machine.region}</span>
              {machine.notices[0] && <p className="mt-0.5 text-ink-2 text-small">{machine.notices[0]}</p>}
            </td>
            <td data-label="Status">
              <MachineStatus machine={machine} now={now} />
            </td>
            <td data-label="GPUs" data-double="">
              {modelWords(machine)}
            </td>
            <td data-label="Capacity">
              <Berths counts={berthsOf(machine)} />
            </td>
            <td data-label="Uptime, 30 d" className="r num">
              {machine.uptime === null ? <span className="text-ink-3">not seen yet</span> : percent(machine.uptime)}
            </td>
            <td data-label="Reputation" className="r num">
              {machine.reputation}
            </td>
            <td data-label="GPU-hour" className="r">
              <Money usd={machine.price_per_gpu_hour} short />
            </td>
            <td data-label="Earned" className="r">
              <Money usd={machine.earned} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
