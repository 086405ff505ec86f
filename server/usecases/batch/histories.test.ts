// Random histories of batch jobs over a real PostgreSQL. `npm run bench -- histories` plays a thousand of them.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Histories, openHistories } from "../../testing/batch-history.ts";

const SEEDS = Array.from({ length: 19 }, (_, n) => n + 1);
/** Another one each time; where it fails its message has the number. */
const FRESH = Date.now() % 2 ** 31;

let histories: Histories;
beforeAll(async () => {
  histories = await openHistories();
});
afterAll(() => histories.close());

test("over random histories with cut connections no machine is oversold, the books balance, every execution ends once and verdicts stand", async () => {
  const all = { executions: 0, faults: 0, accepted: 0, cancelled: 0, canary: 0, audit: 0 };
  for (const seed of [...SEEDS, FRESH]) {
    const { executions, faults, counts } = await histories.play(seed);
    all.executions += executions;
    all.faults += faults;
    for (const what of ["accepted", "cancelled", "canary", "audit"] as const) all[what] += counts[what] ?? 0;
  }
  // Histories in which nothing happens keep every law.
  expect(Math.min(...Object.values(all))).toBeGreaterThan(0);
}, 300_000);
