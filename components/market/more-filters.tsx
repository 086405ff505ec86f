// The filters that are not asked every day, in a panel that opens: lists with their counts, and both ends of each range.
import type { ReactNode } from "react";
import type { FacetsView } from "../../protocol/market-views.ts";
import { Button } from "../ui/button.tsx";
import { Input, Select } from "../ui/field.tsx";
import { gpuName } from "../ui/gpu-name.ts";
import { moneyText } from "../ui/money.tsx";
import { MARKET_PARTS, type MarketPart, type MarketQuery, valueIn } from "./query.ts";

export const VRAM_GB = [8, 12, 16, 24, 32, 48, 80, 96, 141, 192] as const;
const MEMORY_GB = [8, 16, 32, 64, 128, 256, 512, 1024] as const;

/** What the form shows outside the panel. */
const OUTSIDE: readonly MarketPart[] = [
  ...(["gpu", "min_vram_mb", "min_gpus", "min_cpu", "max_price", "hours"] as const),
  ...(["sort", "cursor"] as const),
];

interface LabelledProps {
  readonly label: string;
  readonly htmlFor: string;
  readonly children: ReactNode;
}

export function Labelled({ label, htmlFor, children }: LabelledProps) {
  return (
    <div className="grid gap-1">
      <label htmlFor={htmlFor} className="text-ink-3 text-small">
        {label}
      </label>
      {children}
    </div>
  );
}

/** A price of the wire as people write it. */
export function priceText(usd: string | undefined): string | undefined {
  return usd && moneyText(usd, true).replace("$", "");
}

interface ListProps {
  readonly name: MarketPart;
  readonly legend: string;
  readonly query: MarketQuery;
  readonly counts: Readonly<Record<string, number>>;
  /** what is left out has no count of its own worth telling */
  readonly counted?: boolean;
  readonly words?: (value: string) => string;
}

function Choices({ name, legend, query, counts, counted = true, words = String }: ListProps) {
  const chosen = query[name] ?? [];
  const values = [...new Set([...chosen, ...Object.keys(counts)])].sort((a, b) => words(a).localeCompare(words(b)));
  if (values.length === 0) return null;
  return (
    <fieldset className="min-w-0">
      <legend className="mb-1 text-ink-3 text-small">{legend}</legend>
      <div className="grid gap-1">
        {values.map((value) => (
          <label key={value} className="flex items-baseline gap-2 text-cell">
            <input
              type="checkbox"
              name={name}
              value={value}
              defaultChecked={chosen.includes(value)}
              className="accent-buoy"
            />
            <span className="min-w-0 [overflow-wrap:anywhere]">{words(value)}</span>
            {counted && <span className="num ml-auto text-ink-3">{counts[value] ?? 0}</span>}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

interface BoundProps {
  readonly id: string;
  readonly name: MarketPart;
  readonly label: string;
  readonly query: MarketQuery;
  readonly refused: Readonly<Record<string, string>>;
}

function Whole({ id, name, label, query, refused, max }: BoundProps & { readonly max: number }) {
  return (
    <Input
      id={id}
      aria-label={label}
      name={name}
      type="number"
      min={0}
      max={max}
      defaultValue={valueIn(query, name)}
      placeholder="any"
      aria-invalid={refused[name] ? true : undefined}
    />
  );
}

function Size({ id, name, label, query, refused, sizes }: BoundProps & { readonly sizes: readonly number[] }) {
  const now = valueIn(query, name);
  const others = now && !sizes.some((gb) => String(gb * 1024) === now) ? [now] : [];
  return (
    <Select
      id={id}
      aria-label={label}
      name={name}
      defaultValue={now ?? ""}
      aria-invalid={refused[name] ? true : undefined}
    >
      <option value="">any</option>
      {[...others, ...sizes.map((gb) => String(gb * 1024))].map((mb) => (
        <option key={mb} value={mb}>
          {Math.round((Number(mb) / 1024) * 10) / 10} GB
        </option>
      ))}
    </Select>
  );
}

function Price({ id, name, label, query, refused }: BoundProps) {
  return (
    <Input
      id={id}
      aria-label={label}
      name={name}
      inputMode="decimal"
      defaultValue={priceText(valueIn(query, name))}
      placeholder="any"
      aria-invalid={refused[name] ? true : undefined}
    />
  );
}

function YesNo({
  name,
  label,
  query,
  words,
}: Omit<BoundProps, "id" | "refused"> & { readonly words: readonly [string, string] }) {
  return (
    <Labelled label={label} htmlFor={`f-${name}`}>
      <Select id={`f-${name}`} name={name} defaultValue={valueIn(query, name) ?? ""}>
        <option value="">any</option>
        <option value="true">{words[0]}</option>
        <option value="false">{words[1]}</option>
      </Select>
    </Labelled>
  );
}

function Range({ label, children }: { readonly label: string; readonly children: ReactNode }) {
  return (
    <fieldset className="min-w-0">
      <legend className="mb-1 text-ink-3 text-small">{label}</legend>
      <div className="grid grid-cols-2 gap-2">{children}</div>
    </fieldset>
  );
}

interface MoreFiltersProps {
  readonly query: MarketQuery;
  readonly facets: FacetsView;
  readonly refused: Readonly<Record<string, string>>;
}

export function MoreFilters({ query, facets, refused }: MoreFiltersProps) {
  const inside = MARKET_PARTS.filter((name) => query[name] && !OUTSIDE.includes(name)).length;
  const asked = { query, refused };
  const providers = query.provider ?? [];
  return (
    <details className="rounded-std border border-line">
      <summary className="px-3 py-2 font-[560] text-cell">
        More filters{inside > 0 && <span className="font-[400] text-ink-3"> · {inside} asked</span>}
      </summary>
      <div className="grid items-start gap-x-6 gap-y-4 border-line border-t p-3 sm:grid-cols-2 lg:grid-cols-4">
        <Choices name="gpu" legend="GPU model, any of" query={query} counts={facets.gpu} words={gpuName} />
        <Choices name="region" legend="Region, any of" query={query} counts={facets.region} />
        <Choices name="status" legend="Status, any of" query={query} counts={facets.status} />
        <Choices name="runtime" legend="Runtime, any of" query={query} counts={facets.runtime} />
        <Choices
          name="not_gpu"
          legend="GPU model, none of"
          query={query}
          counts={facets.gpu}
          counted={false}
          words={gpuName}
        />
        <Choices name="not_region" legend="Region, none of" query={query} counts={facets.region} counted={false} />
        <YesNo name="sandboxed" label="Sandbox" query={query} words={["sandboxed", "without one"]} />
        <YesNo name="declared" label="GPUs" query={query} words={["declared only", "a driver confirmed"]} />
        <Range label="GPUs in all, from and to">
          <Whole id="f-min-total" name="min_total_gpus" label="GPUs in all, from" max={64} {...asked} />
          <Whole id="f-max-total" name="max_total_gpus" label="GPUs in all, to" max={64} {...asked} />
        </Range>
        <Range label="Memory free, from and to">
          <Size id="f-min-ram" name="min_ram" label="Memory free, from" sizes={MEMORY_GB} {...asked} />
          <Size id="f-max-ram" name="max_ram" label="Memory free, to" sizes={MEMORY_GB} {...asked} />
        </Range>
        <Range label="Disk free in GB, from and to">
          <Whole id="f-min-disk" name="min_disk" label="Disk free in GB, from" max={16_777_216} {...asked} />
          <Whole id="f-max-disk" name="max_disk" label="Disk free in GB, to" max={16_777_216} {...asked} />
        </Range>
        <Range label="Reputation, from and to">
          <Whole id="f-min-reputation" name="min_reputation" label="Reputation, from" max={1000} {...asked} />
          <Whole id="f-max-reputation" name="max_reputation" label="Reputation, to" max={1000} {...asked} />
        </Range>
        <Range label="VRAM, GPUs free: at most">
          <Size id="f-max-vram" name="max_vram_mb" label="VRAM at most" sizes={VRAM_GB} {...asked} />
          <Whole id="f-max-gpus" name="max_gpus" label="GPUs free at most" max={64} {...asked} />
        </Range>
        <Range label="Cores at most, $/h at least">
          <Whole id="f-max-cpu" name="max_cpu" label="Cores free at most" max={4096} {...asked} />
          <Price id="f-min-price" name="min_price" label="At least, $/h" {...asked} />
        </Range>
        {providers.map((id) => (
          <input key={id} type="hidden" name="provider" value={id} />
        ))}
        <div className="flex items-end self-end">
          <Button type="submit">Apply</Button>
        </div>
      </div>
    </details>
  );
}
