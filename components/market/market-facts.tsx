// The strip above the market. A figure that is not known is not shown.
import type { ReactNode } from "react";
import { gpuName } from "../ui/gpu-name.ts";
import { Money } from "../ui/money.tsx";

export interface MarketFigures {
  readonly freeGpus: number;
  readonly totalGpus: number;
  readonly inUseGpus: number;
  readonly providersOnline: number;
  readonly providers: number;
  /** the lowest price at which a GPU can be had now, of the chosen model or of any */
  readonly lowest: { readonly model: string | null; readonly pricePerGpuHour: string } | null;
}

function Fact({ name, value, detail }: { readonly name: string; readonly value: ReactNode; readonly detail: string }) {
  return (
    <div className="border-line border-t p-4 sm:border-t-0 sm:border-l sm:first:border-l-0 max-sm:odd:border-r max-sm:[&:nth-child(-n+2)]:border-t-0">
      <dt className="eyebrow">{name}</dt>
      <dd className="mt-1.5 font-[500] font-mono text-figure tabular-nums tracking-[-0.02em]">{value}</dd>
      <dd className="text-ink-3 text-small">{detail}</dd>
    </div>
  );
}

export function MarketFacts({ figures }: { readonly figures: MarketFigures }) {
  const { lowest } = figures;
  return (
    <dl className="sheet grid grid-cols-2 sm:auto-cols-fr sm:grid-flow-col sm:grid-cols-none">
      <Fact name="Free now" value={figures.freeGpus} detail={`of ${figures.totalGpus} GPUs`} />
      <Fact name="In use" value={figures.inUseGpus} detail="held by rentals" />
      <Fact name="Providers online" value={figures.providersOnline} detail={`of ${figures.providers} enrolled`} />
      {lowest && (
        <Fact
          name={lowest.model ? `${gpuName(lowest.model)}, from` : "Lowest price"}
          value={<Money usd={lowest.pricePerGpuHour} short className="text-[1em]" />}
          detail="per GPU-hour, free now"
        />
      )}
    </dl>
  );
}
