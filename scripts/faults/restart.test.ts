import { expect, test } from "vitest";
import { openPostgres } from "../../bench/database.ts";
import { restarts } from "../../bench/restart.ts";

const LIVE = 100;
/** What a machine with other work on it may need; how long it really takes is in docs/bench.md. */
const SERVES_WITHIN_MS = 45_000;

test(`killed beside ${LIVE} live rentals, web and worker serve again, look at each of them, and end none`, async () => {
  const postgres = await openPostgres();
  const ends: (() => Promise<void>)[] = [];
  try {
    const took = await restarts(await postgres.database("restart"), LIVE, 2, (end) => ends.push(end));
    for (const ms of [...took.readyMs, ...took.rentedMs, ...took.caughtUpMs]) expect(ms).toBeLessThan(SERVES_WITHIN_MS);
  } finally {
    for (const end of ends) await end();
    await postgres.stop();
  }
});
