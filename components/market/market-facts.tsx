// The strip above the market. A figure that is not known is not shown.
import { Figure, Figures } from "../ui/figures.tsx";
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

export function MarketFacts({ figures }: { readonly figures: MarketFigures }) {
  const { lowest } = figures;
  return (
    <Figures>
      <Figure name="Free now" value={figures.freeGpus} detail={`of ${figures.totalGpus} GPUs`} />
      <Figure name="In use" value={figures.inUseGpus} detail="held by rentals and batch jobs" />
      <Figure name="Providers online" value={figures.providersOnline} detail={`of ${figures.providers} enrolled`} />
      {lowest && (
        <Figure
          name={lowest.model ? `${gpuName(lowest.model)}, from` : "Lowest price"}
          value={<Money usd={lowest.pricePerGpuHour} short className="text-[1em]" />}
          detail="per GPU-hour, free now"
        />
      )}
    </Figures>
  );
}
