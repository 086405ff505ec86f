import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, expect, test } from "vitest";
import { expectSound } from "../../server/testing/sound.ts";
import { jobsByKey, leftoversWithin, NOTHING } from "./aftermath.ts";
import { Journal, jobsOf, keepRenting, newCustomer, stopAll } from "./customers.ts";
import { stackWithMachines } from "./stack.ts";

const KILLS = 6;

const world = stackWithMachines();
let journal: Journal;
beforeEach(() => {
  journal = new Journal();
});

test("a worker killed again and again while customers rent and stop leaves nothing that the next one does not finish", async () => {
  const customers = await Promise.all(Array.from({ length: 4 }, () => newCustomer(world.stack.url, journal)));
  const over = new AbortController();
  const killAgainAndAgain = async () => {
    for (let kill = 0; kill < KILLS; kill++) {
      await sleep(200 + kill * 137); // each time elsewhere in what a worker does
      expect(await world.stack.worker.end("SIGKILL")).toEqual({ code: null, signal: "SIGKILL" });
      await world.stack.worker.start();
    }
  };
  // Together: whichever fails fails the test, and nobody rents for ever.
  await Promise.all([
    killAgainAndAgain().finally(() => over.abort()),
    ...customers.map((customer, n) => keepRenting(customer, `c${n}`, over.signal)),
  ]);
  process.stdout.write(
    `${KILLS} kills during ${journal.requests} requests: ${journal.jobs.length} rents and ${journal.stopped.size} stops acknowledged\n`,
  );
  expect(journal.jobs.length).toBeGreaterThan(KILLS);
  expect(journal.failures()).toEqual([]); // customers do not notice

  await stopAll(customers);
  expect(await leftoversWithin(world.stack.db, 30_000)).toEqual(NOTHING);
  expect(await expectSound(world.stack.db)).toEqual([]);
  const ends = (await Promise.all(customers.map(jobsOf))).flat();
  expect(ends.filter(({ status }) => status !== "stopped" && status !== "cancelled")).toEqual([]);
  expect((await jobsByKey(world.stack.db)).map(({ id }) => id).sort()).toEqual(journal.jobs.sort());
  expect(await emptied()).toEqual([]);
  expect(world.stack.web.crashes).toEqual([]);
});

/** What the machines still run once they had a moment to hear of the last stop. */
async function emptied(): Promise<readonly string[]> {
  const deadlineMs = Date.now() + 5_000;
  for (;;) {
    const running = world.machines.flatMap((machine) => machine.running());
    if (running.length === 0 || Date.now() > deadlineMs) return running;
    await sleep(50);
  }
}
