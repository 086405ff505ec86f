// Machines as operators judge them; on a phone a card each.
import Link from "next/link";
import type { OperatorProviderView } from "../../protocol/provider-views.ts";
import { roughSpan } from "../ui/span.ts";
import { Status } from "../ui/status.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { Moment } from "../ui/time.tsx";
import { Checks } from "./checks.tsx";
import { Decide, type Decisions } from "./decide.tsx";
import { Concerns, gpusOf, Owner } from "./provider-words.tsx";

interface ProvidersTableProps {
  readonly providers: readonly OperatorProviderView[];
  /** when the server read them: ages are told against it */
  readonly now: string;
  readonly decisionsOf: (id: string) => Decisions;
}

/** The status that people see, how long it lasts, and why somebody decided so. */
export function Standing({ provider, now }: { readonly provider: OperatorProviderView; readonly now: string }) {
  const { status, offline_since: since, admission_reason: reason } = provider;
  return (
    <>
      <Status status={status}>
        {since ? `${status} ${roughSpan(Date.parse(now) - Date.parse(since))}` : undefined}
      </Status>
      {reason && <p className="mt-1 max-w-[22rem] text-ink-2 text-small [overflow-wrap:anywhere]">{reason}</p>}
    </>
  );
}

const columns = ({
  now,
  decisionsOf,
}: Omit<ProvidersTableProps, "providers">): readonly Column<OperatorProviderView>[] => [
  {
    head: "Machine",
    cell: ({ id, name, region, host }) => (
      <>
        <Link className="link font-[540]" href={`/operator/providers/${id}`} prefetch={false}>
          {name}
        </Link>
        <p className="text-ink-3 text-small">
          {region} · <span className="[overflow-wrap:anywhere]">{host}</span>
        </p>
      </>
    ),
  },
  { head: "Status", cell: (provider) => <Standing provider={provider} now={now} />, span: "double" },
  { head: "GPUs", cell: gpusOf },
  { head: "To look at", cell: (provider) => <Concerns provider={provider} />, span: "wide" },
  { head: "Owner", cell: ({ owner }) => <Owner owner={owner} /> },
  { head: "Running", cell: ({ live_executions: live }) => live, right: true, className: "num" },
  { head: "Reputation", cell: ({ reputation }) => reputation, right: true, className: "num" },
  {
    head: "Enrolled",
    cell: ({ created_at: at }) => <Moment at={at} withDay />,
    right: true,
    span: "wide",
    className: "text-small",
  },
  {
    head: "Decide",
    cell: (provider) => (
      <span className="inline-flex flex-wrap gap-2 md:justify-end">
        <Decide provider={provider} decisions={decisionsOf(provider.id)} checks={<Checks provider={provider} />} />
      </span>
    ),
    action: true,
  },
];

export function ProvidersTable({ providers, ...rest }: ProvidersTableProps) {
  return <Table caption="Providers" columns={columns(rest)} rows={providers} keyOf={({ id }) => id} />;
}
