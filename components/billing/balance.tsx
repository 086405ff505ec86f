// What an account has, and by which formula it is charged.
import type { ReactNode } from "react";
import type { BillingView } from "../../protocol/account-views.ts";
import { Panel } from "../shell/page.tsx";
import { Money } from "../ui/money.tsx";

function Figure({ name, usd, detail }: { readonly name: string; readonly usd: string; readonly detail: ReactNode }) {
  return (
    <div className="border-line border-t p-4 first:border-t-0 sm:border-t-0 sm:border-l sm:first:border-l-0">
      <dt className="eyebrow">{name}</dt>
      <dd className="mt-1.5 text-figure">
        <Money usd={usd} className="font-[500] tracking-[-0.02em]" />
      </dd>
      <dd className="text-ink-3 text-small">{detail}</dd>
    </div>
  );
}

export function Balance({ billing }: { readonly billing: BillingView }) {
  return (
    <dl className="sheet grid sm:auto-cols-fr sm:grid-flow-col">
      <Figure
        name="Available"
        usd={billing.available}
        detail={
          <>
            of it promotion <Money usd={billing.available_promotion} />
          </>
        }
      />
      <Figure name="Held" usd={billing.held} detail="for jobs that may still run" />
      <Figure name="Spent" usd={billing.spent} detail="charged, less what was given back" />
      {billing.earned !== "0.000000" && <Figure name="Earned" usd={billing.earned} detail="by your providers" />}
    </dl>
  );
}

export function Formula() {
  return (
    <Panel title="How a rental is charged">
      <div className="grid gap-2 text-cell text-ink-2">
        <p>
          <code className="text-ink">rate = GPUs × price per GPU-hour + cores × price per core-hour</code>
        </p>
        <p>
          <code className="text-ink">cost = ⌊ rate × whole seconds running ÷ 3600 ⌋</code>, in millionths of a dollar.
          Each charge is the cost so far less what is booked, so the entries of a job sum to its bill.
        </p>
        <p>
          Each core brings 4 GB of memory and 25 GB of disk; more of either is billed as the cores that bring it. The
          rate is frozen when you rent. The price of all hours is held first, and what is not used goes back. Time in
          which the provider was out of reach is not charged. Promotion is spent before cash. Storage ends with the
          rental.
        </p>
      </div>
    </Panel>
  );
}
