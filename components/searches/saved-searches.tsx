"use client";
// The searches an account keeps: what each finds, what it costs, whether it is alerting, and a way to forget it.
import Link from "next/link";
import { useActionState } from "react";
import type { SavedSearchView } from "../../protocol/market-views.ts";
import { type FormAction, UNTOUCHED } from "../ui/form-state.ts";
import { Money } from "../ui/money.tsx";
import { Refused } from "../ui/refused.tsx";
import { Status } from "../ui/status.tsx";
import { Submit } from "../ui/submit.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { Moment } from "../ui/time.tsx";

type Search = SavedSearchView & {
  /** what it asks for, in words */
  readonly words: string;
};

interface SavedSearchesProps {
  readonly searches: readonly Search[];
  readonly forget: FormAction;
}

function Forget({ id, name, action }: { readonly id: string; readonly name: string; readonly action: FormAction }) {
  const [state, send] = useActionState(action, UNTOUCHED);
  return (
    <form action={send} className="inline-grid gap-1">
      <input type="hidden" name="id" value={id} />
      <Submit small waiting="Deleting…" label={`Delete ${name}`}>
        Delete
      </Submit>
      <Refused state={state} />
    </form>
  );
}

function Lowest({ search }: { readonly search: SavedSearchView }) {
  if (search.lowest_price !== null) return <Money usd={search.lowest_price} short />;
  return <span className="text-ink-3 text-small">{search.checked_at ? "none free" : "–"}</span>;
}

function AlertState({ search }: { readonly search: SavedSearchView }) {
  if (search.alert_at_or_below === null) return <span className="text-ink-3 text-small">no alert</span>;
  return (
    <span className="flex flex-wrap items-center gap-x-2 gap-y-1">
      {search.alerting ? (
        <Status status="available">within your price</Status>
      ) : (
        <Status status="pending">waiting</Status>
      )}
      <span className="text-ink-3 text-small">
        at or below <Money usd={search.alert_at_or_below} short />
      </span>
    </span>
  );
}

const columns = (forget: FormAction): readonly Column<Search>[] => [
  {
    head: "Search",
    cell: ({ name, query, words }) => (
      <>
        <Link className="link font-[560]" href={query ? `/?${query}` : "/"}>
          {name}
        </Link>
        {words !== name && <p className="text-ink-3 text-small">{words}</p>}
      </>
    ),
  },
  { head: "Offers", cell: ({ matches }) => matches ?? "–", right: true, className: "num" },
  { head: "From, per hour", cell: (search) => <Lowest search={search} />, right: true },
  { head: "Alert", cell: (search) => <AlertState search={search} />, span: "double" },
  {
    head: "Last look",
    cell: ({ checked_at: at }) =>
      at ? <Moment at={at} /> : <span className="text-ink-3 text-small">within a minute</span>,
  },
  { head: "Action", cell: ({ id, name }) => <Forget id={id} name={name} action={forget} />, action: true },
];

export function SavedSearches({ searches, forget }: SavedSearchesProps) {
  return <Table caption="Saved searches" columns={columns(forget)} rows={searches} keyOf={({ id }) => id} />;
}
