// Incidents and decisions, newest first.
import Link from "next/link";
import { INCIDENTS, isIncident } from "../../domain/provider/incidents.ts";
import type { ProviderEventView } from "../../protocol/provider-views.ts";
import { shortAddress } from "../ui/span.ts";
import { type Column, Table } from "../ui/table.tsx";
import { Moment } from "../ui/time.tsx";

interface EventsTableProps {
  readonly events: readonly ProviderEventView[];
  readonly caption: string;
  /** whether the account that decided is shown, or what kind of incident it is */
  readonly who: boolean;
}

const columns = (who: boolean): readonly Column<ProviderEventView>[] => [
  { head: "When", cell: ({ at }) => <Moment at={at} withDay />, className: "text-ink-3 text-small" },
  { head: "Machine", cell: (event) => <Subject event={event} />, span: who ? "double" : "wide" },
  who
    ? { head: "Who", cell: ({ actor }) => <Actor actor={actor} /> }
    : { head: "What", cell: ({ code }) => <Kind code={code} />, span: "wide" },
  {
    head: who ? "Decided" : "In full",
    cell: ({ message }) => message,
    span: "wide",
    className: "[overflow-wrap:anywhere]",
  },
];

export function EventsTable({ events, caption, who }: EventsTableProps) {
  return <Table caption={caption} columns={columns(who)} rows={events} keyOf={({ id }) => id} />;
}

/** What is about no provider that is known is shown by its own words. */
function Subject({ event: { provider_id: id, provider_name: name } }: { readonly event: ProviderEventView }) {
  if (!name) return <span className="font-mono text-ink-3 text-small [overflow-wrap:anywhere]">{id}</span>;
  return (
    <Link className="link" href={`/operator/providers/${id}`} prefetch={false}>
      {name}
    </Link>
  );
}

function Kind({ code }: { readonly code: string }) {
  return (
    <>
      {isIncident(code) ? INCIDENTS[code] : code}
      <p className="num text-ink-3 text-small">{code}</p>
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
