// What removed the rest: each filter with how many offers would return without it, as a link that drops it.
import Link from "next/link";
import { isMarketFilter, type MarketQuery, marketHref, removals } from "./query.ts";

interface RemovedLineProps {
  readonly query: MarketQuery;
  readonly found: number;
  readonly total: number;
  readonly removed: Readonly<Record<string, number>>;
}

export function RemovedLine({ query, found, total, removed }: RemovedLineProps) {
  return (
    <p className="flex flex-wrap gap-x-3 gap-y-1 text-ink-3 text-small" aria-live="polite">
      <span>
        <span className="num text-ink">{found}</span> of <span className="num">{total}</span> offers
      </span>
      {removals(removed).map(({ filter, count, words }) =>
        isMarketFilter(filter) ? (
          <Link key={filter} className="link text-ink-2" href={marketHref(query, { [filter]: null })}>
            {count} {words}
          </Link>
        ) : (
          <span key={filter}>
            {count} {words}
          </span>
        ),
      )}
    </p>
  );
}
