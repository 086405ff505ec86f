// Incidents and decisions, newest first.
import Link from "next/link";
import { INCIDENTS, isIncident } from "../../domain/provider/incidents.ts";
import type { ProviderEventView } from "../../protocol/views.ts";
import { shortAddress } from "../ui/span.ts";
import { Moment } from "../ui/time.tsx";

interface EventsTableProps {
  readonly events: readonly ProviderEventView[];
  readonly caption: string;
  /** whether the account that decided is shown, or what kind of incident it is */
  readonly who: boolean;
}

export function EventsTable({ events, caption, who }: EventsTableProps) {
  return (
    <table className="table">
      <caption className="sr-only">{caption}</caption>
      <thead>
        <tr>
          <th scope="col">When</th>
          <th scope="col">Machine</th>
          <th scope="col">{who ? "Who" : "What"}</th>
          <th scope="col">{who ? "Decided" : "In full"}</th>
        </tr>
      </thead>
      <tbody>
        {events.map((event) => (
          <tr key={event.id}>
            <td className="text-ink-3 text-small" data-double="">
              <Moment at={event.at} withDay />
            </td>
            <td data-label="Machine">
              <Subject event={event} />
            </td>
            <td data-label={who ? "Who" : "What"} data-wide="">
              {who ? <Actor actor={event.actor} /> : <Kind code={event.code} />}
            </td>
            <td data-wide="" className="[overflow-wrap:anywhere]">
              {event.message}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** What is about no provider that is known is shown by its own words. */
function Subject({ event: { provider_id: id, provider_name: name } }: { readonly event: ProviderEventView }) {
  if (!name) return <span className="num text-ink-3 text-small [overflow-wrap:anywhere]">{id}</span>;
  return (
    <Link className="link" href={`/operator/providers/${id}`} prefetch={false}>
      {name}
    </Link>
  );
}

function Kind({ code }: { readonly code: string }) {
  return (
    <>
      {isIncident(code) ? INCIDENTS[code] : code} <span className="num text-ink-3 text-small">{code}</span>
    </>
  );
}

function Actor({ actor }: { readonly actor: string | null }) {
  if (!actor) return null;
  return (
    <span className="num" title={actor}>
      {shortAddress(actor)}
    </span>
  );
}
