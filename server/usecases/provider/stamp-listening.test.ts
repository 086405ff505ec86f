import { expect, test } from "vitest";
import { keepStamping } from "./stamp-listening.ts";

const EVERY_MS = 5;
const turn = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test("a stamp that hangs is waited for: none piles up behind a database that stands still", async () => {
  let begun = 0;
  let goOn = () => {};
  const stamping = await keepStamping(
    () => {
      begun += 1;
      return begun === 1 ? Promise.resolve() : new Promise<void>((resolve) => (goOn = resolve));
    },
    () => {},
    EVERY_MS,
  );
  while (begun < 2) await turn(1);
  await turn(20 * EVERY_MS);
  expect(begun).toBe(2);
  goOn();
  while (begun < 3) await turn(1);
  stamping.stop();
});

test("a stamp that fails is told and tried again, until it is stopped", async () => {
  let begun = 0;
  const told: unknown[] = [];
  const stamping = await keepStamping(
    async () => {
      begun += 1;
      throw new Error("away");
    },
    (error) => told.push(error),
    EVERY_MS,
  );
  while (begun < 3) await turn(1);
  stamping.stop();
  const stopped = begun;
  await turn(20 * EVERY_MS);
  expect(begun).toBe(stopped);
  expect(told).toHaveLength(begun);
});
