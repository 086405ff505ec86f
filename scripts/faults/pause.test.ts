import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { charge } from "../../domain/money/charge.ts";
import { events } from "../../drizzle/schema/event.ts";
import { executions, jobs } from "../../drizzle/schema/job.ts";
import { providers, reputationEvents } from "../../drizzle/schema/provider.ts";
import { expectSound } from "../../server/testing/sound.ts";
import { leftoversWithin, NOTHING } from "./aftermath.ts";
import { insistOnStopping, Journal, newCustomer, rent } from "./customers.ts";
import { startMachine } from "./machine.ts";
import { openStack, type Stack } from "./stack.ts";

/** Longer than the two minutes of silence that make a provider offline. */
const PAUSE_MS = 180_000;
/** Sweeps come every few seconds: several fall into this. */
const AFTERWARDS_MS = 12_000;
const BACK_WITHIN_MS = 60_000;

/** @returns what makes it go on */
const PAUSES: Readonly<Record<string, (stack: Stack) => Promise<() => void>>> = {
  web: async ({ web }) => {
    web.pause();
    return web.on;
  },
  database: (stack) => stack.pauseDatabase(),
};

// Both at once: they mostly wait.
test.concurrent.each(Object.entries(PAUSES))(
  "a %s that stands still for three minutes costs no provider anything",
  async (_, pause) => {
    await using stack = await openStack();
    const machines = await Promise.all([1, 2].map((n) => startMachine(stack.url, `machine-${n}`, 2)));
    const customer = await newCustomer(stack.url, new Journal());
    const { id } = await rent(customer, "kept", 1);
    const found = async () => {
      const rows = await stack.db.select().from(executions).where(sql`job_id = ${id}`);
      expect(rows).toHaveLength(1);
      return rows[0]!;
    };
    while ((await found()).status !== "running") await sleep(100);
    const before = await found();

    const goOn = await pause(stack);
    await sleep(PAUSE_MS);
    goOn();
    const taken = machines.map(({ beats }) => beats.taken);
    const deadlineMs = performance.now() + BACK_WITHIN_MS;
    while (machines.some(({ beats }, n) => beats.taken <= (taken[n] ?? 0)) && performance.now() < deadlineMs)
      await sleep(50);
    await sleep(AFTERWARDS_MS);

    expect(await found()).toMatchObject({ id: before.id, status: "running", startedAt: before.startedAt });
    const codes = (await stack.db.select().from(events)).map(({ code }) => code);
    for (const code of ["provider-offline", "heartbeatLost", "gone", "graceOver"]) expect(codes).not.toContain(code);
    await insistOnStopping(customer, id);
    expect(await leftoversWithin(stack.db, 30_000)).toEqual(NOTHING);
    const rows = await stack.db.select().from(providers);
    expect(rows.map(({ presence, reputation }) => `${presence} ${reputation}`)).toEqual(["online 100", "online 100"]);
    const reasons = await stack.db.select().from(reputationEvents);
    expect(reasons.map(({ reason }) => reason)).toEqual(["enrolled", "enrolled"]);
    expect(await stack.db.execute(sql`select 1 from downtimes`)).toHaveLength(0);

    const { startedAt, endedAt } = await found();
    const [job] = await stack.db.select().from(jobs);
    const [charged] = await stack.db.execute<{ micros: string }>(
      sql`select coalesce(sum(amount), 0)::text as micros from entries where owner = ${customer.account} and book = 'available'`,
    );
    const price = charge(job?.rate ?? 0n, startedAt ?? new Date(0), endedAt ?? new Date(0));
    expect(25_000_000n - BigInt(charged?.micros ?? 0)).toBe(price); // the whole span, once: the machine worked all along
    expect(await expectSound(stack.db)).toEqual([]);
    expect([stack.web.crashes, stack.worker.crashes]).toEqual([[], []]);
    await Promise.all(machines.map((machine) => machine.stop()));
  },
  330_000,
);
