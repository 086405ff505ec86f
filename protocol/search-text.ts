// A search as text: what stands in the market's address, in a saved search, and behind GET /providers/search.
import type { FieldProblem } from "../domain/errors.ts";
import { formatMicros } from "../domain/money/micros.ts";
import { listNames } from "./fields.ts";
import { SearchQuery } from "./operations/provider.ts";
import { readAs } from "./read.ts";

/** The names of a search in the order they are written. */
export const SEARCH_NAMES = Object.keys(SearchQuery.shape);
const LISTS = listNames(SearchQuery);
/** They say where in the result one is, not what is searched. */
const PLACES = ["limit", "cursor"];

export type SearchRead =
  | { readonly query: SearchQuery; readonly problems: null }
  | { readonly query: null; readonly problems: readonly FieldProblem[] };

/** @param text a query string, with or without its `?` */
export function readSearch(text: string): SearchRead {
  const given = new Map<string, string[]>();
  for (const [name, value] of new URLSearchParams(text)) given.set(name, [...(given.get(name) ?? []), value]);
  const problems = [...given].flatMap(([name, values]): FieldProblem[] => {
    if (PLACES.includes(name)) return [{ field: name, message: "is not part of a saved search" }];
    return values.length > 1 && !LISTS.has(name) ? [{ field: name, message: "is given twice" }] : [];
  });
  if (problems.length > 0) return { query: null, problems };
  const parts = [...given].map(([name, values]) => [name, LISTS.has(name) ? values : values[0]]);
  const { data, problems: misread } = readAs(SearchQuery, Object.fromEntries(parts));
  if (misread === null) return { query: data, problems: null };
  return { query: null, problems: misread.map(({ path, message }) => ({ field: String(path[0]), message })) };
}

/** The one text of a search: equal searches read the same, however they were written. */
export function searchText(query: SearchQuery): string {
  const text = new URLSearchParams();
  const parts = new Map<string, unknown>(Object.entries(query));
  for (const name of SEARCH_NAMES) {
    if (PLACES.includes(name) || (name === "sort" && query.sort === "price")) continue;
    const value = parts.get(name);
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? [...new Set(value)].sort() : [value])
      text.append(name, typeof one === "bigint" ? formatMicros(one) : String(one));
  }
  return text.toString();
}
