// What decisions about a node are made from, and how: the counts, the error rate, the weight of its word.
import { RULES } from "../../domain/verification/constants.ts";
import type { EvidenceView } from "../../protocol/node-views.ts";
import { Panel } from "../shell/page.tsx";
import { Fact, Facts } from "../ui/facts.tsx";
import { Notice } from "../ui/notice.tsx";
import { decayedCount } from "./network-query.ts";

export function EvidencePanel({ evidence }: { readonly evidence: EvidenceView }) {
  const weight = 1 / evidence.error_rate - 1;
  return (
    <Panel title="Evidence" note="what verdicts are made from">
      {evidence.quarantined && (
        <div className="mb-3">
          <Notice tone="bad" title="It is quarantined: it gets no work.">
            <p>{evidence.quarantine_reason ?? "It was caught with a wrong result."}</p>
          </Notice>
        </div>
      )}
      {evidence.held_back && (
        <div className="mb-3">
          <Notice tone="wait" title="It is held back: it gets no customer's batch jobs.">
            <p>{evidence.held_back}</p>
          </Notice>
        </div>
      )}
      <Facts>
        <Fact name="Verified results" className="num">
          {decayedCount(evidence.verified)}
        </Fact>
        <Fact name="Verdicts against it" className="num">
          {decayedCount(evidence.bad)}
        </Fact>
        <Fact name="Verified in a row" className="num">
          {evidence.streak}
        </Fact>
        <Fact name="Taken to be wrong in" className="num">
          {(evidence.error_rate * 100).toFixed(1)} %
        </Fact>
        <Fact name="Weight of its word" sum className="num">
          {weight.toFixed(1)}
        </Fact>
      </Facts>
      <div className="mt-3 grid gap-2 border-line border-t pt-3 text-ink-2 text-small">
        <p>
          {evidence.proven
            ? `It is proven: at least ${RULES.provenAt} verified results.`
            : `It is a newcomer: proven from ${RULES.provenAt} verified results on. At most one newcomer sits on a panel where proven ones are free.`}
        </p>
        <p>
          Counts halve every {RULES.halfLifeDays} days. Wrong in (1 + wrong) of (10 + all), at least{" "}
          {RULES.leastErrorRate * 100} %; weight = 1 ÷ that − 1. Weights of owners who agree are multiplied, and a
          result is accepted from {RULES.accept * 100} % on.
        </p>
      </div>
    </Panel>
  );
}
