// The offers, a row each; on a phone a card each.
import type { OfferView } from "../../protocol/views.ts";
import { Berths } from "../ui/berths.tsx";
import { LinkButton } from "../ui/button.tsx";
import { gpuName } from "../ui/gpu-name.ts";
import { Money } from "../ui/money.tsx";
import { roughSpan } from "../ui/span.ts";
import { Status } from "../ui/status.tsx";
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

export function Offers({ offers, now }: OffersProps) {
  return (
    <table className="table">
      <caption className="sr-only">Offers</caption>
      <thead>
        <tr>
          <th scope="col">Provider</th>
          <th scope="col">GPUs</th>
          <th scope="col">Berths</th>
          <th scope="col" className="r">
            vCPU free
          </th>
          <th scope="col" className="r">
            Memory
          </th>
          <th scope="col" className="r">
            Disk
          </th>
          <th scope="col">Region</th>
          <th scope="col" className="r">
            Reputation
          </th>
          <th scope="col" className="r">
            Per hour
          </th>
          <th scope="col">
            <span className="sr-only">Action</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {offers.map((offer) => (
          <tr key={`${offer.provider_id} ${offer.gpu_model}`}>
            <td data-wide="">
              <span className="flex flex-wrap items-center gap-x-2 gap-y-1">
                <span className="font-[520]">{offer.provider_name}</span>
                {offer.offline_since && (
                  <Status status="offline">
                    offline {roughSpan(Date.parse(now) - Date.parse(offer.offline_since))}
                  </Status>
                )}
                {offer.busy_from && (
                  <Status status="maintenance" title="Maintenance is announced: no rental may reach beyond it">
                    free until <Moment at={offer.busy_from} withDay />
                  </Status>
                )}
                {offer.declared && (
                  <Status status="declared" title="Its owner named these GPUs; no driver confirmed them" />
                )}
                {!offer.sandboxed && (
                  <Status
                    status="no sandbox"
                    title="Nothing keeps what runs here apart from the machine; bubblewrap would (apt install bubblewrap)"
                  />
                )}
              </span>
            </td>
            <td data-label="GPUs" data-double="" className="md:whitespace-nowrap">
              <Gpus offer={offer} />
            </td>
            <td data-label="Berths">
              {offer.gpu_model ? (
                <Berths counts={counts(offer)} />
              ) : (
                <span className="text-ink-3 text-small">none</span>
              )}
            </td>
            <td data-label="vCPU free" className="r num">
              {offer.cpu_cores_free}
            </td>
            <td data-label="Memory" className="r num">
              {offer.memory_gb_free} GB
            </td>
            <td data-label="Disk" className="r num">
              {offer.disk_gb_free} GB
            </td>
            <td data-label="Region">{offer.region}</td>
            <td data-label="Reputation" className="r num">
              {offer.reputation}
            </td>
            <td data-label="Per hour" className="r">
              <Money usd={offer.gpu_model ? offer.price_per_gpu_hour : offer.price_per_cpu_hour} short />
              <span className="text-ink-3 text-small"> /{offer.gpu_model ? "GPU" : "core"}</span>
            </td>
            <td data-wide="" className="r">
              <Rent offer={offer} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
