// The market's filters: links for the common models, a GET form for the rest. Both work without script.
import Form from "next/form";
import Link from "next/link";
import type { FacetsView } from "../../protocol/market-views.ts";
import { Button } from "../ui/button.tsx";
import { Input, Select } from "../ui/field.tsx";
import { gpuName } from "../ui/gpu-name.ts";
import { Labelled, MoreFilters, priceText, VRAM_GB } from "./more-filters.tsx";
import { isMarketFilter, type MarketQuery, marketHref, toggledHref, valueIn } from "./query.ts";

interface FiltersProps {
  readonly query: MarketQuery;
  readonly facets: FacetsView;
  /** filters that the wire refused, with why */
  readonly refused: Readonly<Record<string, string>>;
}

const SORT_WORDS = [
  ["price", "cheapest first"],
  ["-price", "dearest first"],
  ["value", "cheapest VRAM first"],
  ["reputation", "best reputation"],
  ["gpus", "most GPUs free"],
  ["vram", "most VRAM"],
] as const;

/** The others are in the panel. */
const MOST_CHIPS = 8;

function Models({ query, counts }: { readonly query: MarketQuery; readonly counts: Readonly<Record<string, number>> }) {
  const chosen = query.gpu ?? [];
  const common = Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .slice(0, MOST_CHIPS)
    .map(([model]) => model);
  const shown = [...new Set([...chosen, ...common])].sort((a, b) => gpuName(a).localeCompare(gpuName(b)));
  return (
    <nav aria-label="GPU model" className="flex flex-wrap gap-2">
      <Link
        className="chip"
        href={marketHref(query, { gpu: null })}
        aria-current={chosen.length > 0 ? undefined : "true"}
      >
        <b>Everything</b>
      </Link>
      {shown.map((model) => (
        <Link
          key={model}
          className="chip"
          href={toggledHref(query, "gpu", model)}
          aria-current={chosen.includes(model) ? "true" : undefined}
        >
          <b>{gpuName(model)}</b>
          <span className="num">{counts[model] ?? 0}</span>
        </Link>
      ))}
    </nav>
  );
}

export function MarketFilters({ query, facets, refused }: FiltersProps) {
  return (
    <div className="grid gap-3 border-line border-b p-3">
      <Models query={query} counts={facets.gpu} />
      <Form action="/" className="grid gap-3" data-auto="">
        <div className="grid grid-cols-3 items-end gap-3 md:flex md:flex-wrap">
          <Labelled label="VRAM at least" htmlFor="f-vram">
            <Select
              id="f-vram"
              name="min_vram_mb"
              defaultValue={valueIn(query, "min_vram_mb") ?? ""}
              data-search=""
              className="md:w-28"
            >
              <option value="">any</option>
              {VRAM_GB.map((gb) => (
                <option key={gb} value={gb * 1024}>
                  {gb} GB
                </option>
              ))}
            </Select>
          </Labelled>
          <Labelled label="GPUs free" htmlFor="f-gpus">
            <Input
              id="f-gpus"
              name="min_gpus"
              type="number"
              min={0}
              max={64}
              defaultValue={valueIn(query, "min_gpus")}
              placeholder="any"
              className="md:w-20"
            />
          </Labelled>
          <Labelled label="Cores free" htmlFor="f-cpu">
            <Input
              id="f-cpu"
              name="min_cpu"
              type="number"
              min={0}
              max={4096}
              defaultValue={valueIn(query, "min_cpu")}
              placeholder="any"
              className="md:w-20"
            />
          </Labelled>
          <Labelled label="At most, $/h" htmlFor="f-price">
            <Input
              id="f-price"
              name="max_price"
              inputMode="decimal"
              defaultValue={priceText(valueIn(query, "max_price"))}
              placeholder="any"
              className="md:w-24"
              aria-invalid={refused.max_price ? true : undefined}
            />
          </Labelled>
          <Labelled label="Hours free" htmlFor="f-hours">
            <Input
              id="f-hours"
              name="hours"
              type="number"
              min={1}
              max={720}
              defaultValue={valueIn(query, "hours")}
              placeholder="any"
              className="md:w-20"
            />
          </Labelled>
          <Labelled label="Order" htmlFor="f-sort">
            <Select id="f-sort" name="sort" defaultValue={valueIn(query, "sort") ?? "price"} className="md:w-44">
              {SORT_WORDS.map(([value, said]) => (
                <option key={value} value={value}>
                  {said}
                </option>
              ))}
            </Select>
          </Labelled>
          <div className="col-span-3 flex items-end gap-3">
            <Button type="submit">Filter</Button>
            {Object.keys(query).some(isMarketFilter) && (
              <Link href="/" className="link py-2 text-small">
                Clear all
              </Link>
            )}
          </div>
        </div>
        <MoreFilters query={query} facets={facets} refused={refused} />
      </Form>
      {Object.keys(refused).length > 0 && (
        <ul className="text-bad text-small" role="alert">
          {Object.entries(refused).map(([field, message]) => (
            <li key={field}>
              <b>{field}</b>: {message}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
