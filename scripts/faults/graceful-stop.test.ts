import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { insistOnStopping, Journal, newCustomer, rent } from "./customers.ts";
import { type Machine, startMachine } from "./machine.ts";
import { openStack, type Stack } from "./stack.ts";

/** A stop that waits for anything would take a long poll's 25 s or the web's grace of 10 s. */
const SOON_MS = 6_000;

let stack: Stack;
let machine: Machine;

beforeEach(async () => {
  stack = await openStack();
  machine = await startMachine(stack.url, "machine-1", 2);
});
afterEach(async () => {
  await machine?.stop();
  await stack?.[Symbol.asyncDispose]();
});

test("a web told to stop answers the waiting beat, ends the stream and the unused connection, and is gone at once", async () => {
  const customer = await newCustomer(stack.url, new Journal());
  const { id } = await rent(customer, "watched", 1);
  const running = async () => (await customer.client.getJob({ params: { id } })).status === "running";
  while (!(await running())) await sleep(50);
  const stream = await fetch(`${stack.url}/api/v1/jobs/${id}/events`, {
    headers: { accept: "text/event-stream", authorization: `Bearer ${customer.token}` },
  });
  const streamed = stream.text(); // resolves where the stream ends well, rejects where it is cut
  const unused = connect(Number(new URL(stack.url).port), "127.0.0.1");
  await once(unused, "connect");
  // The beats that follow the start are over: one waits.
  let taken = -1;
  for (; taken !== machine.beats.taken; await sleep(1_500)) taken = machine.beats.taken;

  const toldMs = performance.now();
  const exit = await stack.web.end("SIGTERM");
  expect(performance.now() - toldMs).toBeLessThan(SOON_MS);
  expect(exit).toEqual({ code: 0, signal: null });
  await expect.poll(() => machine.beats.taken, { timeout: 10_000 }).toBe(taken + 1);
  expect(await streamed).toContain('"code":"rented"');
  unused.destroy();
});

test("a worker told to stop while it works finishes and is gone at once, and the next one goes on", async () => {
  const customer = await newCustomer(stack.url, new Journal());
  const { id } = await rent(customer, "handed-over", 1);
  const toldMs = performance.now();
  const exit = await stack.worker.end("SIGTERM");
  expect(performance.now() - toldMs).toBeLessThan(SOON_MS);
  expect(exit).toEqual({ code: 0, signal: null });
  await insistOnStopping(customer, id);
  await stack.worker.start();
  const ended = async () =>
    ["stopped", "cancelled"].includes((await customer.client.getJob({ params: { id } })).status);
  while (!(await ended())) await sleep(50);
});
