// What the wish would cost now, what would be chosen and why, or what stands in its way.
import type { EstimateView } from "../../protocol/views.ts";
import { removals } from "../market/query.ts";
import { Panel } from "../shell/page.tsx";
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
      <dl className="facts">
        <dt>Provider</dt>
        <dd>{chosen.provider_name}</dd>
        <dt>Region</dt>
        <dd>{chosen.region}</dd>
        <dt>GPU</dt>
        <dd>{chosen.gpu_model ? gpuName(chosen.gpu_model) : "none"}</dd>
        <dt>Cores billed</dt>
        <dd className="num">{estimate.cores_billed}</dd>
        <dt>Per hour</dt>
        <dd>
          <Money usd={estimate.price_per_hour} />
        </dd>
        <dt>Hours</dt>
        <dd className="num">{estimate.hours}</dd>
        <dt className="sum">Held first</dt>
        <dd className="sum">
          <Money usd={estimate.hold} />
        </dd>
      </dl>
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
