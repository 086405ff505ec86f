import fc from "fast-check";
import { expect, test } from "vitest";
import { alertStep } from "./alert.ts";

const price = fc.option(fc.bigInt({ min: 0n, max: 4n }));

test("an alert is due at the price asked and below it, and not a micro above", () => {
  expect(alertStep(false, 400_000n, 400_000n)).toEqual({ alerting: true, fires: true });
  expect(alertStep(false, 400_000n, 1n)).toEqual({ alerting: true, fires: true });
  expect(alertStep(false, 400_000n, 400_001n)).toEqual({ alerting: false, fires: false });
});

test("without an alert, or without an offer, nothing is due", () => {
  fc.assert(
    fc.property(fc.boolean(), price, (was, other) => {
      expect(alertStep(was, null, other)).toEqual({ alerting: false, fires: false });
      expect(alertStep(was, other, null)).toEqual({ alerting: false, fires: false });
    }),
  );
});

test("over any history there is one alert for every time it began to be so, and none in between", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 4n }), fc.array(price), (atOrBelow, history) => {
      let [was, alerts] = [false, 0];
      for (const lowest of history) {
        const step = alertStep(was, atOrBelow, lowest);
        if (step.fires) alerts++;
        was = step.alerting;
      }
      const fits = [false, ...history.map((lowest) => lowest !== null && lowest <= atOrBelow)];
      expect(alerts).toBe(fits.filter((now, at) => now && at > 0 && !fits[at - 1]).length);
    }),
  );
});
