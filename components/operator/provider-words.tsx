// What an operator should look at before trusting a machine, as words and as tags.
import Link from "next/link";
import type { ReactNode } from "react";
import type { OperatorProviderView } from "../../protocol/provider-views.ts";
import { gpuName } from "../ui/gpu-name.ts";
import { shortAddress } from "../ui/span.ts";
import { Status } from "../ui/status.tsx";

export function gpusOf({ gpus, cpu_cores }: OperatorProviderView): string {
  if (gpus.length === 0) return `no GPU, ${cpu_cores} cores`;
  return gpus.map(({ total, model }) => `${total} × ${gpuName(model)}`).join(", ");
}

/** Everything of this owner, whatever its admission. */
export function ownersMachines(owner: string): string {
  return `/operator/providers?${new URLSearchParams({ admission: "all", search: owner })}`;
}

function machineNamed(name: string): string {
  return `/operator/providers?${new URLSearchParams({ admission: "all", search: name })}`;
}

export function Owner({ owner }: { readonly owner: string }) {
  return (
    <Link className="link num" href={ownersMachines(owner)} title={`All machines of ${owner}`} prefetch={false}>
      {shortAddress(owner)}
    </Link>
  );
}

/** The machines that show one of the same GPUs: two of them cannot both be true. */
export function Sharers({ names }: { readonly names: readonly string[] }) {
  return (
    <>
      {names.map((name, at) => (
        <span key={name}>
          {at > 0 && ", "}
          <Link className="link" href={machineNamed(name)} prefetch={false}>
            {name}
          </Link>
        </span>
      ))}
    </>
  );
}

/** Only what deserves a look; a machine without any is shown as such. */
export function Concerns({ provider }: { readonly provider: OperatorProviderView }) {
  const { declared, sandboxed, shares_gpus_with: sharers, incidents, quarantine } = provider;
  const found: ReactNode[] = [];
  if (quarantine)
    found.push(
      <span key="quarantine" className="max-w-[22rem] text-bad text-small">
        <b className="font-[620]">In quarantine</b>: {quarantine.reason}
      </span>,
    );
  if (sharers.length > 0)
    found.push(
      <span key="shares" className="text-bad text-small">
        <b className="font-[620]">Same GPU</b> as <Sharers names={sharers} />
      </span>,
    );
  if (incidents > 0)
    found.push(
      <Link
        key="incidents"
        className="link text-small"
        href={`/operator/incidents?provider_id=${provider.id}`}
        prefetch={false}
      >
        {incidents === 1 ? "1 incident" : `${incidents} incidents`} this week
      </Link>,
    );
  if (declared)
    found.push(
      <Status key="declared" status="declared" title="Its owner named these GPUs; no driver confirmed them" />,
    );
  if (!sandboxed)
    found.push(
      <Status key="sandbox" status="no sandbox" title="Nothing keeps what runs here apart from the machine itself" />,
    );
  if (found.length === 0) return <span className="text-ink-3 text-small">nothing</span>;
  return <span className="flex flex-wrap items-center gap-x-3 gap-y-1">{found}</span>;
}
