// What is asked now, each with a way to take it back.
import Link from "next/link";
import { chipsOf, type MarketQuery } from "./query.ts";

export function ActiveFilters({ query }: { readonly query: MarketQuery }) {
  const chips = chipsOf(query);
  if (chips.length === 0) return null;
  return (
    <nav aria-label="Active filters" className="flex flex-wrap gap-2">
      {chips.map(({ name, value, words, href }) => (
        <Link key={`${name} ${value}`} className="chip" href={href} aria-label={`Drop ${words}`}>
          <b>{words}</b>
          <svg viewBox="0 0 8 8" className="h-2 w-2" stroke="currentColor" strokeWidth="1.6" aria-hidden="true">
            <path d="M1 1l6 6M7 1L1 7" />
          </svg>
        </Link>
      ))}
    </nav>
  );
}
