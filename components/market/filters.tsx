// The market's filters: links for the models, a GET form for the rest. Both work without script.
import Form from "next/form";
import Link from "next/link";
import { Button } from "../ui/button.tsx";
import { Input, Select } from "../ui/field.tsx";
import { gpuName } from "../ui/gpu-name.ts";
import { moneyText } from "../ui/money.tsx";
import { type MarketQuery, marketHref } from "./query.ts";

interface FiltersProps {
  readonly query: MarketQuery;
  /** how many offers each model and region has under the other filters */
  readonly models: Readonly<Record<string, number>>;
  readonly regions: Readonly<Record<string, number>>;
  /** filters that the wire refused, with why */
  readonly refused: Readonly<Record<string, string>>;
}

const VRAM_GB = [8, 12, 16, 24, 32, 48, 80, 141] as const;
const SORT_WORDS = [
  ["price", "cheapest first"],
  ["-price", "dearest first"],
  ["reputation", "best reputation"],
  ["gpus", "most GPUs free"],
  ["vram", "most VRAM"],
] as const;

function Labelled({
  label,
  htmlFor,
  children,
}: {
  readonly label: string;
  readonly htmlFor: string;
  readonly children: React.ReactNode;
}) {
  return (
    <div className="grid gap-1">
      <label htmlFor={htmlFor} className="text-ink-3 text-small">
        {label}
      </label>
      {children}
    </div>
  );
}

export function MarketFilters({ query, models, regions, refused }: FiltersProps) {
  const names = Object.keys(models).sort((a, b) => gpuName(a).localeCompare(gpuName(b)));
  const chosen = query.gpu;
  const known = chosen && !names.includes(chosen) ? [chosen, ...names] : names;
  const regionNames = [...new Set([...Object.keys(regions), ...(query.region ? [query.region] : [])])].sort();
  return (
    <div className="grid gap-3 border-line border-b p-3">
      <nav aria-label="GPU model" className="flex flex-wrap gap-2">
        <Link className="chip" href={marketHref(query, { gpu: null })} aria-current={chosen ? undefined : "true"}>
          <b>Everything</b>
        </Link>
        {known.map((model) => (
          <Link
            key={model}
            className="chip"
            href={marketHref(query, { gpu: model })}
            aria-current={model === chosen ? "true" : undefined}
          >
            <b>{gpuName(model)}</b>
            <span className="num">{models[model] ?? 0}</span>
          </Link>
        ))}
      </nav>
      <Form action="/" className="grid grid-cols-3 items-end gap-3 md:flex md:flex-wrap" data-auto="">
        {chosen && <input type="hidden" name="gpu" value={chosen} />}
        <Labelled label="VRAM at least" htmlFor="f-vram">
          <Select
            id="f-vram"
            name="min_vram_mb"
            defaultValue={query.min_vram_mb ?? ""}
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
            defaultValue={query.min_gpus}
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
            defaultValue={query.min_cpu}
            placeholder="any"
            className="md:w-20"
          />
        </Labelled>
        <Labelled label="At most, $/h" htmlFor="f-price">
          <Input
            id="f-price"
            name="max_price"
            inputMode="decimal"
            defaultValue={query.max_price && moneyText(query.max_price, true).replace("$", "")}
            placeholder="any"
            className="md:w-24"
            aria-invalid={refused.max_price ? true : undefined}
          />
        </Labelled>
        <Labelled label="Region" htmlFor="f-region">
          <Select id="f-region" name="region" defaultValue={query.region ?? ""} className="md:w-32">
            <option value="">any</option>
            {regionNames.map((region) => (
              <option key={region} value={region}>
                {region} ({regions[region] ?? 0})
              </option>
            ))}
          </Select>
        </Labelled>
        <Labelled label="Reputation" htmlFor="f-reputation">
          <Input
            id="f-reputation"
            name="min_reputation"
            type="number"
            min={0}
            max={1000}
            defaultValue={query.min_reputation}
            placeholder="any"
            className="md:w-20"
          />
        </Labelled>
        <Labelled label="Order" htmlFor="f-sort">
          <Select id="f-sort" name="sort" defaultValue={query.sort ?? "price"} className="md:w-40">
            {SORT_WORDS.map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </Select>
        </Labelled>
        <div className="flex items-end gap-2">
          <Button type="submit">Filter</Button>
          {Object.keys(query).length > 0 && (
            <Link href="/" className="link py-2 text-small">
              Clear
            </Link>
          )}
        </div>
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
