// The account's entries in the ledger, newest first.
import Link from "next/link";
import type { EntryView } from "../../protocol/account-views.ts";
import { Money } from "../ui/money.tsx";
import { Moment } from "../ui/time.tsx";

export function Entries({ entries }: { readonly entries: readonly EntryView[] }) {
  return (
    <table className="table">
      <caption className="sr-only">Entries</caption>
      <thead>
        <tr>
          <th scope="col">When</th>
          <th scope="col">What</th>
          <th scope="col">Job</th>
          <th scope="col">Book</th>
          <th scope="col">Funds</th>
          <th scope="col" className="r">
            Amount
          </th>
        </tr>
      </thead>
      <tbody>
        {entries.map((entry) => (
          <tr key={entry.id}>
            <td data-label="When" data-double="">
              <Moment at={entry.at} withDay />
            </td>
            <td data-label="What" data-wide="">
              {entry.description}
            </td>
            <td data-label="Job">
              {entry.job_id ? (
                <Link className="link num" href={`/jobs/${entry.job_id}`} title={entry.job_id}>
                  …{entry.job_id.slice(-8)}
                </Link>
              ) : (
                <span className="text-ink-3">none</span>
              )}
            </td>
            <td data-label="Book">{entry.book}</td>
            <td data-label="Funds">{entry.funds}</td>
            <td data-label="Amount" className="r">
              <Money usd={entry.amount} signed />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
