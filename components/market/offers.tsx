// The offers, a row each; on a phone a card each.
import type { OfferView } from "../../protocol/market-views.ts";
import { Berths } from "../ui/berths.tsx";
import { LinkButton } from "../ui/button.tsx";
import { gpuName } from "../ui/gpu-name.ts";
import { Money } from "../ui/money.tsx";
import { roughSpan } from "../ui/span.ts";
import { Status } from "../ui/status.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { Moment } from "../ui/time.tsx";

interface OffersProps {
  readonly offers: readonly OfferView[];
  /** when the server read them: ages are told against it */
  readonly now: string;
}

function rentHref(offer: OfferView): string {
  const query = new URLSearchParams({ provider_id: offer.provider_id });
  if (offer.gpu_model) query.set("gpu_type", offer.gpu_model);
  else query.set("gpu_count", "0");
  return `/rent?${query}`;
}

/** GPUs of a provider that is out of reach are out of reach too, whatever they last said. */
function counts(offer: OfferView) {
  if (offer.status !== "available") return { free: 0, use: 0, mining: 0, off: offer.total_gpus };
  const off = Math.max(0, offer.total_gpus - offer.available_gpus - offer.in_use_gpus - offer.mining_gpus);
  return { free: offer.available_gpus, use: offer.in_use_gpus, mining: offer.mining_gpus, off };
}

function Gpus({ offer }: { readonly offer: OfferView }) {
  if (!offer.gpu_model) return <>CPU only</>;
  return (
    <>
      {offer.total_gpus} × {gpuName(offer.gpu_model)}{" "}
      <span className="text-ink-3 text-small">{Math.round(offer.gpu_vram_mb / 1024)} GB</span>
    </>
  );
}

/** Why an offer that is shown cannot be rented. */
const AWAY: Readonly<Record<string, string>> = {
  draining: "takes no new work",
  approved: "not seen yet",
  joined: "not ready yet",
};

function Rent({ offer }: { readonly offer: OfferView }) {
  if (offer.status !== "available")
    return <span className="text-ink-3 text-small">{AWAY[offer.status] ?? "out of reach"}</span>;
  const rentable = offer.gpu_model ? offer.available_gpus + offer.mining_gpus > 0 : offer.cpu_cores_free > 0;
  if (!rentable) return <span className="text-ink-3 text-small">all in use</span>;
  return (
    <LinkButton tone="go" small href={rentHref(offer)} prefetch={false}>
      Rent
      <span className="sr-only">
        {" "}
        {offer.gpu_model ?? "cores"} on {offer.provider_name}
      </span>
    </LinkButton>
  );
}

function Provider({ offer, now }: { readonly offer: OfferView; readonly now: string }) {
  return (
    <span className="flex flex-wrap items-center gap-x-2 gap-y-1">
      <span className="font-[520]">{offer.provider_name}</span>
      {offer.offline_since && (
        <Status status="offline">offline {roughSpan(Date.parse(now) - Date.parse(offer.offline_since))}</Status>
      )}
      {offer.busy_from && (
        <Status status="maintenance" title="Maintenance is announced: no rental may reach beyond it">
          free until <Moment at={offer.busy_from} withDay />
        </Status>
      )}
      {offer.declared && <Status status="declared" title="Its owner named these GPUs; no driver confirmed them" />}
      {!offer.sandboxed && (
        <Status
          status="no sandbox"
          title="Nothing keeps what runs here apart from the machine; bubblewrap would (apt install bubblewrap)"
        />
      )}
    </span>
  );
}

const columns = (now: string): readonly Column<OfferView>[] => [
  { head: "Provider", cell: (offer) => <Provider offer={offer} now={now} /> },
  { head: "GPUs", cell: (offer) => <Gpus offer={offer} />, span: "double", className: "md:whitespace-nowrap" },
  {
    head: "Berths",
    cell: (offer) =>
      offer.gpu_model ? <Berths counts={counts(offer)} /> : <span className="text-ink-3 text-small">none</span>,
  },
  { head: "vCPU free", cell: ({ cpu_cores_free: free }) => free, right: true, className: "num" },
  { head: "Memory", cell: ({ memory_gb_free: free }) => `${free} GB`, right: true, className: "num" },
  { head: "Disk", cell: ({ disk_gb_free: free }) => `${free} GB`, right: true, className: "num" },
  { head: "Region", cell: ({ region }) => region },
  { head: "Reputation", cell: ({ reputation }) => reputation, right: true, className: "num" },
  {
    head: "Per hour",
    cell: (offer) => (
      <>
        <Money usd={offer.gpu_model ? offer.price_per_gpu_hour : offer.price_per_cpu_hour} short />
        <span className="text-ink-3 text-small"> /{offer.gpu_model ? "GPU" : "core"}</span>
      </>
    ),
    right: true,
  },
  { head: "Action", cell: (offer) => <Rent offer={offer} />, action: true },
];

export function Offers({ offers, now }: OffersProps) {
  return (
    <Table
      caption="Offers"
      columns={columns(now)}
      rows={offers}
      keyOf={({ provider_id: id, gpu_model: model }) => `${id} ${model}`}
    />
  );
}
