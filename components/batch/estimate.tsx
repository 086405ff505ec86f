// What the job would cost at most, who could run it now, and what to know before it is sent.
import type { BatchEstimateView } from "../../protocol/batch.ts";
import { Panel } from "../shell/page.tsx";
import { Fact, Facts } from "../ui/facts.tsx";
import { Money } from "../ui/money.tsx";
import { Notice } from "../ui/notice.tsx";

interface BatchEstimateProps {
  readonly estimate: BatchEstimateView | null;
  /** a newer one is being counted */
  readonly stale: boolean;
}

export function BatchEstimate({ estimate, stale }: BatchEstimateProps) {
  return (
    <Panel title="Estimate" note={stale ? "counting…" : undefined}>
      <div aria-live="polite" aria-busy={stale}>
        {estimate ? (
          <Figures estimate={estimate} />
        ) : (
          <p className="text-cell text-ink-3">The price is here once the job can be read.</p>
        )}
      </div>
    </Panel>
  );
}

function Figures({ estimate }: { readonly estimate: BatchEstimateView }) {
  return (
    <>
      <Facts>
        <Fact name="Owners whose machines fit" className="num">
          {estimate.owners}
        </Fact>
        <Fact name="Of them free now" className="num">
          {estimate.owners_free}
        </Fact>
        <Fact name="Needed to decide" className="num">
          {estimate.quorum}
        </Fact>
        <Fact name="A run, at most, per hour">
          <Money usd={estimate.price_per_hour} />
        </Fact>
        <Fact name="Held first" sum>
          <Money usd={estimate.hold} />
        </Fact>
      </Facts>
      {estimate.notices.length > 0 && (
        <div className="mt-3">
          <Notice tone="wait">
            {estimate.notices.map((sentence) => (
              <p key={sentence}>{sentence}</p>
            ))}
          </Notice>
        </div>
      )}
      <p className="mt-3 border-line border-t pt-3 text-ink-3 text-small">
        Held: price × timeout × redundancy. Paid is the time that runs took, by the begun second; the rest goes back
        with the verdict. Runs that disagree, fail or time out cost nothing.
      </p>
    </>
  );
}
