// The strip of a machine: what it has, what of it is free, and how it stands.
import type { ReactNode } from "react";
import type { OwnProviderView } from "../../protocol/provider-views.ts";
import { Panel } from "../shell/page.tsx";
import { Berths } from "../ui/berths.tsx";
import { Fact, Facts } from "../ui/facts.tsx";
import { Figure, Figures } from "../ui/figures.tsx";
import { Money } from "../ui/money.tsx";
import { roughSpan } from "../ui/span.ts";
import { Moment } from "../ui/time.tsx";
import { modelWords } from "./machines-table.tsx";
import { berthsOf, gigabytes } from "./words.ts";

interface MachineProps {
  readonly machine: OwnProviderView;
  /** RFC 3339 */
  readonly now: string;
}

export function Capacity({ machine }: { readonly machine: OwnProviderView }) {
  const counts = berthsOf(machine);
  const total = counts.free + counts.use + counts.mining + counts.off;
  return (
    <Figures>
      <Figure name="GPUs" value={total} detail={<Berths counts={counts} />} />
      <Figure name="Available" value={counts.free} detail="can be rented now" />
      <Figure name="In use" value={counts.use} detail="held by rentals and batch jobs" />
      <Figure name="Mining" value={counts.mining} detail="gives way on demand" />
    </Figures>
  );
}

export function MachinePanel({ machine, now }: MachineProps) {
  const { usage, last_seen_at: seen } = machine;
  return (
    <Panel title="Machine">
      <Facts>
        <Fact name="GPUs">{modelWords(machine)}</Fact>
        <Fact name="CPU">
          {machine.cpu_model} <span className="num">{machine.cpu_cores} cores</span>
        </Fact>
        <Fact name="Memory" className="num">
          {usage ? `${gigabytes(usage.memory_used_mb)} of ` : ""}
          {machine.memory_gb} GB
        </Fact>
        <Fact name="Disk" className="num">
          {machine.disk_gb} GB
        </Fact>
        <Fact name="System">
          {machine.os}, {machine.architecture}
        </Fact>
        <Fact name="Runtime">
          {machine.runtime}
          {!machine.sandboxed && <span className="text-bad"> without a sandbox</span>}
        </Fact>
        <Fact name="Customers reach" className="num">
          {machine.host}
        </Fact>
        <Fact name="Host name" className="num">
          {machine.hostname}
        </Fact>
        {machine.addresses.length > 0 && (
          <Fact name="Addresses" className="num">
            {machine.addresses.join(", ")}
          </Fact>
        )}
        <Fact name="Agent" className="num">
          {machine.agent_version}
        </Fact>
        <Fact name="Last heard">{seen ? `${roughSpan(Date.parse(now) - Date.parse(seen))} ago` : "never"}</Fact>
        <Fact name="Enrolled">
          <Moment at={machine.created_at} withDay />
        </Fact>
      </Facts>
    </Panel>
  );
}

export function PricePanel({ machine, children }: { readonly machine: OwnProviderView; readonly children: ReactNode }) {
  return (
    <Panel title="Price">
      <Facts>
        <Fact name="GPU and hour">
          <Money usd={machine.price_per_gpu_hour} />
        </Fact>
        <Fact name="Core and hour">
          <Money usd={machine.price_per_cpu_hour} />
        </Fact>
      </Facts>
      <div className="mt-3">{children}</div>
    </Panel>
  );
}
