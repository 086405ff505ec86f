// The market's address bar: what people write in the filters, made into the wire's query, and links that change one part.

/** The filters a link or the form may carry, in the order they appear. */
export const MARKET_FILTERS = [
  "gpu",
  "min_vram_mb",
  "min_gpus",
  "min_cpu",
  "max_price",
  "region",
  "min_reputation",
  "sort",
] as const;
export type MarketFilter = (typeof MARKET_FILTERS)[number];
export type MarketQuery = Readonly<Partial<Record<MarketFilter | "cursor", string>>>;

/** "0.6", "$0.60" and "1" as USD with 6 places; anything else is left for the wire to refuse. */
export function toMoney(text: string): string {
  const match = /^\$?(\d{1,9})(?:[.,](\d{1,6}))?$/.exec(text.trim());
  if (!match) return text;
  return `${match[1]}.${(match[2] ?? "").padEnd(6, "0")}`;
}

/** Keeps what is known and not empty; the first of what is given twice. */
export function readMarketQuery(params: Readonly<Record<string, string | string[] | undefined>>): MarketQuery {
  const query: Partial<Record<MarketFilter | "cursor", string>> = {};
  for (const name of [...MARKET_FILTERS, "cursor"] as const) {
    const given = params[name];
    const value = (Array.isArray(given) ? given[0] : given)?.trim();
    if (value) query[name] = name === "max_price" ? toMoney(value) : value;
  }
  return query;
}

/** The market with some filters changed; null drops one. Any change begins at the first page again. */
export function marketHref(
  query: MarketQuery,
  change: Readonly<Partial<Record<MarketFilter | "cursor", string | null>>>,
): string {
  const next = new URLSearchParams();
  for (const name of [...MARKET_FILTERS, "cursor"] as const) {
    const value = name in change ? change[name] : name === "cursor" ? null : query[name];
    if (value) next.set(name, value);
  }
  const text = next.toString();
  return text ? `/?${text}` : "/";
}

/** How a filter that removed offers is called in a sentence. */
const REMOVED_WORDS: Readonly<Record<string, string>> = {
  gpu: "of another model",
  gpu_type: "of another model",
  min_vram_mb: "with less VRAM",
  min_gpus: "with fewer GPUs free",
  gpu_count: "with fewer GPUs free",
  min_cpu: "with fewer cores free",
  cpu_cores: "with fewer cores free",
  min_ram: "with less memory free",
  memory_gb: "with less memory free",
  min_disk: "with less disk free",
  storage_gb: "with less disk free",
  max_price: "over the price",
  region: "in other regions",
  min_reputation: "below the reputation",
  status: "out of reach",
  provider: "of other providers",
  sandbox: "without a sandbox",
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

export function isMarketFilter(name: string): name is MarketFilter {
  return MARKET_FILTERS.some((filter) => filter === name);
}
