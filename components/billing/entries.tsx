// The account's entries in the ledger, newest first.
import Link from "next/link";
import type { EntryView } from "../../protocol/account-views.ts";
import { Money } from "../ui/money.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { Moment } from "../ui/time.tsx";

const COLUMNS: readonly Column<EntryView>[] = [
  { head: "When", cell: ({ at }) => <Moment at={at} withDay />, span: "double" },
  { head: "What", cell: ({ description }) => description, span: "wide" },
  {
    head: "Job",
    cell: ({ job_id: id }) =>
      id ? (
        <Link className="link num" href={`/jobs/${id}`} title={id}>
          …{id.slice(-8)}
        </Link>
      ) : (
        <span className="text-ink-3">none</span>
      ),
  },
  { head: "Book", cell: ({ book }) => book },
  { head: "Funds", cell: ({ funds }) => funds },
  { head: "Amount", cell: ({ amount }) => <Money usd={amount} signed />, right: true },
];

export function Entries({ entries }: { readonly entries: readonly EntryView[] }) {
  return <Table caption="Entries" columns={COLUMNS} rows={entries} keyOf={({ id }) => id} />;
}
