"use client";
// The searches an account keeps: what each finds, what it costs, whether it is alerting, and a way to forget it.
import Link from "next/link";
import { useActionState } from "react";
import type { SavedSearchView } from "../../protocol/views.ts";
import { type FormAction, UNTOUCHED } from "../ui/form-state.ts";
import { Money } from "../ui/money.tsx";
import { Refused } from "../ui/refused.tsx";
import { Status } from "../ui/status.tsx";
import { Submit } from "../ui/submit.tsx";
import { Moment } from "../ui/time.tsx";

interface SavedSearchesProps {
  readonly searches: readonly (SavedSearchView & {
    /** what it asks for, in words */
    readonly words: string;
  })[];
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

export function SavedSearches({ searches, forget }: SavedSearchesProps) {
  return (
    <table className="table">
      <caption className="sr-only">Saved searches</caption>
      <thead>
        <tr>
          <th scope="col">Search</th>
          <th scope="col" className="r">
            Offers
          </th>
          <th scope="col" className="r">
            From, per hour
          </th>
          <th scope="col">Alert</th>
          <th scope="col">Last look</th>
          <th scope="col">
            <span className="sr-only">Action</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {searches.map((search) => (
          <tr key={search.id}>
            <td data-wide="">
              <Link className="link font-[560]" href={search.query ? `/?${search.query}` : "/"}>
                {search.name}
              </Link>
              {search.words !== search.name && <p className="text-ink-3 text-small">{search.words}</p>}
            </td>
            <td data-label="Offers" className="r num">
              {search.matches ?? "–"}
            </td>
            <td data-label="From, per hour" className="r">
              {search.lowest_price === null ? (
                <span className="text-ink-3 text-small">{search.checked_at ? "none free" : "–"}</span>
              ) : (
                <Money usd={search.lowest_price} short />
              )}
            </td>
            <td data-label="Alert" data-double="">
              <AlertState search={search} />
            </td>
            <td data-label="Last look">
              {search.checked_at ? (
                <Moment at={search.checked_at} />
              ) : (
                <span className="text-ink-3 text-small">within a minute</span>
              )}
            </td>
            <td data-wide="" className="r">
              <Forget id={search.id} name={search.name} action={forget} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
