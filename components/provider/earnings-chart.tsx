// What a machine earned: to date, and day by day.
import { Panel } from "../shell/page.tsx";
import { Money, moneyText } from "../ui/money.tsx";
import { barHeights } from "./chart.ts";
import { promotionWords } from "./fleet-facts.tsx";

interface EarningsProps {
  readonly earned: string;
  readonly earnedPromotion: string;
  readonly days: readonly { readonly day: string; readonly earned: string; readonly earned_promotion: string }[];
}

const NOTHING = "0.000000";

export function EarningsChart({ earned, earnedPromotion, days }: EarningsProps) {
  const heights = barHeights(days.map((day) => day.earned));
  const paid = days.filter((day) => day.earned !== NOTHING);
  return (
    <Panel title="Earnings" note={`last ${days.length} days, UTC`}>
      <p className="font-[500] font-mono text-figure tabular-nums tracking-[-0.02em]">
        <Money usd={earned} className="text-[1em]" />
      </p>
      <p className="text-ink-3 text-small">to date, {promotionWords(earnedPromotion)}</p>
      {paid.length === 0 ? (
        <p className="mt-3 text-cell text-ink-3">
          {earned === NOTHING ? "Nothing yet: a rental is booked as it runs." : "Nothing in these days."}
        </p>
      ) : (
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
          <details className="mt-2 text-small">
            <summary className="w-fit py-1 text-ink-2 underline decoration-edge underline-offset-3">As a table</summary>
            <table className="table mt-2">
              <caption className="sr-only">Earnings by day, UTC</caption>
              <thead>
                <tr>
                  <th scope="col">Day</th>
                  <th scope="col" className="r">
                    Earned
                  </th>
                  <th scope="col" className="r">
                    Promotion
                  </th>
                </tr>
              </thead>
              <tbody>
                {[...paid].reverse().map((day) => (
                  <tr key={day.day}>
                    <td data-label="Day" className="num">
                      {day.day}
                    </td>
                    <td data-label="Earned" className="r">
                      <Money usd={day.earned} />
                    </td>
                    <td data-label="Promotion" className="r">
                      <Money usd={day.earned_promotion} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </details>
        </>
      )}
    </Panel>
  );
}
