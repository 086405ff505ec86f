// What the wish would cost now, what would be chosen and why, or what stands in its way.
import type { EstimateView } from "../../protocol/job-views.ts";
import { removals } from "../market/query.ts";
import { Panel } from "../shell/page.tsx";
import { Fact, Facts } from "../ui/facts.tsx";
import { gpuName } from "../ui/gpu-name.ts";
import { Money } from "../ui/money.tsx";
import { Notice } from "../ui/notice.tsx";

export function EstimatePanel({
  estimate,
  stale,
}: {
  readonly estimate: EstimateView | null;
  readonly stale: boolean;
}) {
  return (
    <Panel title="Estimate" note={stale ? "counting…" : undefined}>
      <div aria-live="polite" aria-busy={stale}>
        {estimate ? (
          <Estimate estimate={estimate} />
        ) : (
          <p className="text-cell text-ink-3">Fill in the form to see the price.</p>
        )}
      </div>
    </Panel>
  );
}

function Estimate({ estimate }: { readonly estimate: EstimateView }) {
  if (!estimate.chosen || estimate.price_per_hour === null || estimate.hold === null) {
    const list = removals(estimate.removed);
    return (
      <Notice tone="wait" title="No offer fits">
        {estimate.advice && <p>{estimate.advice}</p>}
        {!estimate.advice && list.length > 0 && (
          <ul>
            {list.map(({ filter, count, words }) => (
              <li key={filter}>
                {count} {words}
              </li>
            ))}
          </ul>
        )}
      </Notice>
    );
  }
  const { chosen } = estimate;
  return (
    <>
      <Facts>
        <Fact name="Provider">{chosen.provider_name}</Fact>
        <Fact name="Region">{chosen.region}</Fact>
        <Fact name="GPU">{chosen.gpu_model ? gpuName(chosen.gpu_model) : "none"}</Fact>
        <Fact name="Cores billed" className="num">
          {estimate.cores_billed}
        </Fact>
        <Fact name="Per hour">
          <Money usd={estimate.price_per_hour} />
        </Fact>
        <Fact name="Hours" className="num">
          {estimate.hours}
        </Fact>
        <Fact name="Held first" sum>
          <Money usd={estimate.hold} />
        </Fact>
      </Facts>
      {chosen.runtime === "process" && (
        <p className="mt-3 border-line border-t pt-3 text-ink-2 text-small">
          This provider runs plain sandboxed processes on its own system; the image is not used, nor is what a template
          installs.
        </p>
      )}
      <p className="mt-3 border-line border-t pt-3 text-ink-3 text-small">
        Chosen: {chosen.why}. <span className="num">{estimate.offers_fitting}</span> of{" "}
        <span className="num">{estimate.offers_considered}</span> offers fit. Billed by the second; what is not used
        goes back.
      </p>
    </>
  );
}
