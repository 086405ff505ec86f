// Filters of the nodes: links and one form, so that they work without script.
import Link from "next/link";
import { NODE_SORTS, NODE_STATUSES, STANDINGS } from "../../domain/provider/node-status.ts";
import { RUNTIMES } from "../../domain/provider/state.ts";
import { Button } from "../ui/button.tsx";
import { Input } from "../ui/field.tsx";
import { type NodeQuery, networkHref, SORT_WORDS, writtenQuery } from "./network-query.ts";

/** By the form itself; the rest of the address goes with it. */
const ASKED_HERE: readonly string[] = ["search", "runtime", "region", "sort"];

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
        {chip("all", { status: "" }, query.status === "")}
        {NODE_STATUSES.map((each) => chip(each, { status: each }, query.status === each))}
      </nav>
      <nav aria-label="Standing" className="flex flex-wrap gap-2">
        {STANDINGS.map((each) => {
          const chosen = query.standing === each;
          return chip(each, { standing: chosen ? "" : each }, chosen);
        })}
        {chip("has a GPU", { gpu: query.gpu ? "" : "1" }, query.gpu === "1")}
      </nav>
      <form action="/network" data-auto="" className="flex flex-wrap items-center gap-2 text-small sm:ml-auto">
        {writtenQuery(query)
          .filter(([name]) => !ASKED_HERE.includes(name))
          .map(([name, value]) => (
            <input key={name} type="hidden" name={name} value={value} />
          ))}
        <Input
          name="search"
          type="search"
          defaultValue={query.search}
          key={`search ${query.search}`}
          maxLength={80}
          aria-label="Search by name, id, owner, region or GPU"
          placeholder="Name, owner, GPU"
          data-search=""
          className="w-44 max-sm:w-full"
        />
        <label className="flex items-center gap-2">
          Runs as
          <select name="runtime" className="input w-auto" defaultValue={query.runtime} key={query.runtime}>
            <option value="">any</option>
            {RUNTIMES.map((runtime) => (
              <option key={runtime}>{runtime}</option>
            ))}
          </select>
        </label>
        <label className="flex items-center gap-2">
          Region
          <select name="region" className="input w-auto" defaultValue={query.region} key={query.region}>
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
