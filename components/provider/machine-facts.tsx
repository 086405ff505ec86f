// The strip of a machine: what it has, what of it is free, and how it stands.
import type { ReactNode } from "react";
import type { OwnProviderView } from "../../protocol/views.ts";
import { Panel } from "../shell/page.tsx";
import { Berths } from "../ui/berths.tsx";
import { Money } from "../ui/money.tsx";
import { roughSpan } from "../ui/span.ts";
import { Moment } from "../ui/time.tsx";
import { Fact, Facts } from "./fact.tsx";
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
    <Facts>
      <Fact name="GPUs" value={total} detail={<Berths counts={counts} />} />
      <Fact name="Available" value={counts.free} detail="can be rented now" />
      <Fact name="In use" value={counts.use} detail="held by rentals and batch jobs" />
      <Fact name="Mining" value={counts.mining} detail="gives way on demand" />
    </Facts>
  );
}

export function MachinePanel({ machine, now }: MachineProps) {
  const { usage, last_seen_at: seen } = machine;
  return (
    <Panel title="Machine">
      <dl className="facts">
        <dt>GPUs</dt>
        <dd>{modelWords(machine)}</dd>
        <dt>CPU</dt>
        <dd>
          {machine.cpu_model} <span className="num">{machine.cpu_cores} cores</span>
        </dd>
        <dt>Memory</dt>
        <dd className="num">
          {usage ? `${gigabytes(usage.memory_used_mb)} of ` : ""}
          {machine.memory_gb} GB
        </dd>
        <dt>Disk</dt>
        <dd className="num">{machine.disk_gb} GB</dd>
        <dt>System</dt>
        <dd>
          {machine.os}, {machine.architecture}
        </dd>
        <dt>Runtime</dt>
        <dd>
          {machine.runtime}
          {!machine.sandboxed && <span className="text-bad"> without a sandbox</span>}
        </dd>
        <dt>Customers reach</dt>
        <dd className="num">{machine.host}</dd>
        <dt>Host name</dt>
        <dd className="num">{machine.hostname}</dd>
        {machine.addresses.length > 0 && (
          <>
            <dt>Addresses</dt>
            <dd className="num">{machine.addresses.join(", ")}</dd>
          </>
        )}
        <dt>Agent</dt>
        <dd className="num">{machine.agent_version}</dd>
        <dt>Last heard</dt>
        <dd>{seen ? `${roughSpan(Date.parse(now) - Date.parse(seen))} ago` : "never"}</dd>
        <dt>Enrolled</dt>
        <dd>
          <Moment at={machine.created_at} withDay />
        </dd>
      </dl>
    </Panel>
  );
}

export function PricePanel({ machine, children }: { readonly machine: OwnProviderView; readonly children: ReactNode }) {
  return (
    <Panel title="Price">
      <dl className="facts">
        <dt>GPU and hour</dt>
        <dd>
          <Money usd={machine.price_per_gpu_hour} />
        </dd>
        <dt>Core and hour</dt>
        <dd>
          <Money usd={machine.price_per_cpu_hour} />
        </dd>
      </dl>
      <div className="mt-3">{children}</div>
    </Panel>
  );
}
