// What a machine earned: to date, a bar for each of the last days, and day by day as far back as it goes.
import type { DayEarnedView } from "../../protocol/provider-views.ts";
import { Panel } from "../shell/page.tsx";
import { Money, moneyText } from "../ui/money.tsx";
import { Pager } from "../ui/pager.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { barHeights } from "./chart.ts";
import { promotionWords } from "./fleet-facts.tsx";

interface EarningsProps {
  readonly earned: string;
  readonly earnedPromotion: string;
  /** every day of the chart, oldest first */
  readonly last: readonly DayEarnedView[];
  /** a page of the days that earned something, newest first */
  readonly days: readonly DayEarnedView[];
  readonly firstHref: string | null;
  readonly nextHref: string | null;
}

const NOTHING = "0.000000";

const COLUMNS: readonly Column<DayEarnedView>[] = [
  { head: "Day", cell: ({ day }) => day, className: "num" },
  { head: "Earned", cell: ({ earned }) => <Money usd={earned} />, right: true, span: "double" },
  { head: "Promotion", cell: ({ earned_promotion: promotion }) => <Money usd={promotion} />, right: true },
];

export function EarningsPanel({ earned, earnedPromotion, last, days, firstHref, nextHref }: EarningsProps) {
  return (
    <Panel title="Earnings" note={`last ${last.length} days, UTC`}>
      <p className="font-[500] font-mono text-figure tabular-nums tracking-[-0.02em]">
        <Money usd={earned} className="text-[1em]" />
      </p>
      <p className="text-ink-3 text-small">to date, {promotionWords(earnedPromotion)}</p>
      <Bars days={last} ever={days.length > 0 || firstHref !== null} />
      {(days.length > 0 || firstHref) && (
        <details className="mt-2 text-small" open={firstHref !== null}>
          <summary className="w-fit py-1 text-ink-2 underline decoration-edge underline-offset-3">Day by day</summary>
          <Table
            className="-mx-4 mt-2"
            caption="Earnings by day, UTC"
            columns={COLUMNS}
            rows={days}
            keyOf={({ day }) => day}
          />
          <Pager label="Earnings" firstHref={firstHref} nextHref={nextHref} />
        </details>
      )}
    </Panel>
  );
}

function Bars({ days, ever }: { readonly days: readonly DayEarnedView[]; readonly ever: boolean }) {
  const heights = barHeights(days.map((day) => day.earned));
  const paid = days.filter((day) => day.earned !== NOTHING);
  if (paid.length === 0) {
    return (
      <p className="mt-3 text-cell text-ink-3">
        {ever ? "Nothing in these days." : "Nothing yet: a rental is booked as it runs."}
      </p>
    );
  }
  return (
    <>
      <div
        role="img"
        aria-label={`Earnings by day: ${paid.length} of ${days.length} days earned something.`}
        className="mt-3 flex h-24 items-end gap-px border-line-strong border-b"
      >
        {days.map((day, n) => (
          <span
            key={day.day}
            title={`${day.day}: ${moneyText(day.earned)}`}
            className="min-w-0 flex-1 bg-free"
            style={{ height: `${heights[n] ?? 0}%` }}
          />
        ))}
      </div>
      <p aria-hidden="true" className="num mt-1 flex justify-between text-ink-3 text-small">
        <span>{days[0]?.day.slice(5)}</span>
        <span>today</span>
      </p>
    </>
  );
}
