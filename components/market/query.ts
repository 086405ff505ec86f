// The market's address bar: what people write in the filters, made into the wire's query, and links that change one part.
import { MARKET_FILTER_NAMES, type MarketFilterName } from "../../domain/placement/facets.ts";
import { gpuName } from "../ui/gpu-name.ts";

/** What a link or the form may carry, in the order it is written. */
export const MARKET_PARTS = [...MARKET_FILTER_NAMES, "sort", "cursor"] as const;
export type MarketPart = (typeof MARKET_PARTS)[number];
export type MarketQuery = Readonly<Partial<Record<MarketPart, readonly string[]>>>;

/** Filters that take several values. */
export const LIST_FILTERS = [
  "gpu",
  "not_gpu",
  "region",
  "not_region",
  "status",
  "runtime",
  "provider",
] as const satisfies readonly MarketFilterName[];

function isList(name: string): boolean {
  return LIST_FILTERS.some((list) => list === name);
}

export function isMarketFilter(name: string): name is MarketFilterName {
  return MARKET_FILTER_NAMES.some((filter) => filter === name);
}

/** "0.6", "$0.60" and "1" as USD with 6 places; anything else is left for the wire to refuse. */
export function toMoney(text: string): string {
  const match = /^\$?(\d{1,9})(?:[.,](\d{1,6}))?$/.exec(text.trim());
  if (!match) return text;
  return `${match[1]}.${(match[2] ?? "").padEnd(6, "0")}`;
}

/** Keeps what is known and not empty; of what is given twice and is no list, the first. */
export function readMarketQuery(params: Readonly<Record<string, string | string[] | undefined>>): MarketQuery {
  const query: Partial<Record<MarketPart, readonly string[]>> = {};
  for (const name of MARKET_PARTS) {
    const given = params[name];
    const texts = (Array.isArray(given) ? given : [given ?? ""]).map((text) => text.trim()).filter(Boolean);
    const values = [...new Set(isList(name) ? texts : texts.slice(0, 1))];
    if (values.length > 0) query[name] = name.endsWith("_price") ? values.map(toMoney) : values;
  }
  return query;
}

/** As the wire takes it: lists as arrays, the rest as text. */
export function wireQuery(query: MarketQuery): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(query).map(([name, values]) => [name, isList(name) ? [...values] : (values[0] ?? "")]),
  );
}

/** The value of a filter that takes one. */
export function valueIn(query: MarketQuery, name: MarketPart): string | undefined {
  return query[name]?.[0];
}

/** The market with some parts changed; null drops one. Any change begins at the first page again. */
export function marketHref(
  query: MarketQuery,
  change: Readonly<Partial<Record<MarketPart, readonly string[] | null>>>,
): string {
  const next = new URLSearchParams();
  for (const name of MARKET_PARTS) {
    const values = name in change ? change[name] : name === "cursor" ? null : query[name];
    for (const value of values ?? []) next.append(name, value);
  }
  const text = next.toString();
  return text ? `/?${text}` : "/";
}

/** The market with one value of a list taken in, or taken out where it is in. */
export function toggledHref(query: MarketQuery, name: MarketFilterName, value: string): string {
  const now = query[name] ?? [];
  return marketHref(query, { [name]: now.includes(value) ? now.filter((one) => one !== value) : [...now, value] });
}

const gb = (mb: string) => `${Math.round((Number(mb) / 1024) * 10) / 10} GB`;
const usd = (text: string) => `$${text.replace(/(\.\d{2}\d*?)0+$/, "$1")}`;

/** How a range is called, and its value as people read it. */
const SUBJECTS: Readonly<Record<string, readonly [string, (value: string) => string]>> = {
  vram_mb: ["VRAM", gb],
  gpus: ["GPUs free", String],
  total_gpus: ["GPUs", String],
  cpu: ["cores free", String],
  ram: ["memory free", gb],
  disk: ["disk free", (value) => `${value} GB`],
  price: ["price", usd],
  reputation: ["reputation", String],
};

function words(name: string, value: string): string {
  const [, bound, subject = ""] = /^(min|max)_(.*)$/.exec(name) ?? [];
  const [called, shown] = SUBJECTS[subject] ?? [];
  if (called && shown) return `${called} ${bound === "min" ? "≥" : "≤"} ${shown(value)}`;
  switch (name) {
    case "gpu":
      return gpuName(value);
    case "not_gpu":
      return `not ${gpuName(value)}`;
    case "not_region":
      return `not ${value}`;
    case "hours":
      return `free for ${value} h`;
    case "declared":
      return value === "true" ? "declared GPUs" : "GPUs a driver confirmed";
    case "sandboxed":
      return value === "true" ? "sandboxed" : "without a sandbox";
    case "provider":
      return `provider …${value.slice(-6)}`;
    default:
      return value;
  }
}

export interface Chip {
  readonly name: MarketFilterName;
  readonly value: string;
  readonly words: string;
  /** the market without it */
  readonly href: string;
}

/** Every value of every filter that is asked. */
export function chipsOf(query: MarketQuery): Chip[] {
  return MARKET_FILTER_NAMES.flatMap((name) =>
    (query[name] ?? []).map((value) => ({
      ...{ name, value, words: words(name, value) },
      href: marketHref(query, { [name]: (query[name] ?? []).filter((one) => one !== value) }),
    })),
  );
}

/** A search in words, from its text. */
export function searchWords(text: string): string {
  const params: Record<string, string[]> = {};
  for (const [name, value] of new URLSearchParams(text)) params[name] = [...(params[name] ?? []), value];
  const said = chipsOf(readMarketQuery(params)).map((chip) => chip.words);
  return said.length > 0 ? said.join(", ") : "everything";
}

/** How a filter that removed offers is called in a sentence. */
const REMOVED_WORDS: Readonly<Record<string, string>> = {
  gpu: "of another model",
  not_gpu: "of models left out",
  gpu_type: "of another model",
  min_vram_mb: "with less VRAM",
  max_vram_mb: "with more VRAM",
  min_gpus: "with fewer GPUs free",
  max_gpus: "with more GPUs free",
  min_total_gpus: "with fewer GPUs",
  max_total_gpus: "with more GPUs",
  gpu_count: "with fewer GPUs free",
  min_cpu: "with fewer cores free",
  max_cpu: "with more cores free",
  cpu_cores: "with fewer cores free",
  min_ram: "with less memory free",
  max_ram: "with more memory free",
  memory_gb: "with less memory free",
  min_disk: "with less disk free",
  max_disk: "with more disk free",
  storage_gb: "with less disk free",
  min_price: "under the price",
  max_price: "over the price",
  region: "in other regions",
  not_region: "in regions left out",
  min_reputation: "below the reputation",
  max_reputation: "above the reputation",
  status: "of another status",
  runtime: "with another runtime",
  provider: "of other providers",
  declared: "declared otherwise",
  sandboxed: "sandboxed otherwise",
  sandbox: "without a sandbox",
  hours: "busy before then",
};

export interface Removal {
  readonly filter: string;
  readonly count: number;
  readonly words: string;
}

export function removals(removed: Readonly<Record<string, number>>): Removal[] {
  return Object.entries(removed)
    .filter(([, count]) => count > 0)
    .map(([filter, count]) => ({ filter, count, words: REMOVED_WORDS[filter] ?? `by ${filter}` }));
}
