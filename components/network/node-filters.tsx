// Filters of the nodes: links and one form, so that they work without script.
import Link from "next/link";
import { NODE_STATUSES } from "../../domain/provider/node-status.ts";
import { Button } from "../ui/button.tsx";
import { NODE_SORTS, type NodeQuery, networkHref, SORT_WORDS, STANDINGS } from "./network-query.ts";

interface NodeFiltersProps {
  readonly query: NodeQuery;
  readonly regions: readonly string[];
}

export function NodeFilters({ query, regions }: NodeFiltersProps) {
  const chip = (words: string, change: Partial<NodeQuery>, chosen: boolean) => (
    <Link key={words} className="chip" href={networkHref(query, change)} aria-current={chosen ? "true" : undefined}>
      {words}
    </Link>
  );
  return (
    <div className="flex flex-wrap items-center gap-x-5 gap-y-2 border-line border-b p-3">
      <nav aria-label="Status" className="flex flex-wrap gap-2">
        {chip("all", { status: null }, query.status === null)}
        {NODE_STATUSES.map((each) => chip(each, { status: each }, query.status === each))}
      </nav>
      <nav aria-label="Standing" className="flex flex-wrap gap-2">
        {STANDINGS.map((each) => {
          const chosen = query.standing === each;
          return chip(each, { standing: chosen ? null : each }, chosen);
        })}
        {chip("has a GPU", { gpu: !query.gpu }, query.gpu)}
      </nav>
      <form action="/network" data-auto="" className="flex flex-wrap items-center gap-2 text-small sm:ml-auto">
        {query.status && <input type="hidden" name="status" value={query.status} />}
        {query.standing && <input type="hidden" name="standing" value={query.standing} />}
        {query.gpu && <input type="hidden" name="gpu" value="1" />}
        <label className="flex items-center gap-2">
          Region
          <select name="region" className="input w-auto" defaultValue={query.region ?? ""} key={query.region}>
            <option value="">any</option>
            {regions.map((region) => (
              <option key={region}>{region}</option>
            ))}
          </select>
        </label>
        <label className="flex items-center gap-2">
          By
          <select name="sort" className="input w-auto" defaultValue={query.sort} key={query.sort}>
            {NODE_SORTS.map((sort) => (
              <option key={sort} value={sort}>
                {SORT_WORDS[sort]}
              </option>
            ))}
          </select>
        </label>
        <noscript>
          <Button type="submit" small>
            Show
          </Button>
        </noscript>
      </form>
    </div>
  );
}
