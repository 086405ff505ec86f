import fc from "fast-check";
import { expect, test } from "vitest";
import { together } from "./together.ts";

const pause = () => new Promise<void>((wake) => setImmediate(wake));

test("twins that come while one is on its way are one call, begun after the last of them", async () => {
  const send = together();
  let calls = 0;
  const slow = async () => {
    calls += 1;
    await pause();
  };
  await Promise.all(Array.from({ length: 20 }, () => send("a", slow)));
  expect(calls).toBe(2);
  await send("a", slow);
  expect(calls).toBe(3);
  await Promise.all([send("a", slow), send("b", slow)]);
  expect(calls).toBe(5);
});

test("a call that fails fails for those that went together, not for those after them", async () => {
  const send = together();
  let calls = 0;
  const second = async () => {
    calls += 1;
    await pause();
    if (calls === 2) throw new Error("no");
  };
  const first = send("a", second);
  const twins = [send("a", second), send("a", second)];
  await expect(first).resolves.toBeUndefined();
  const after = Promise.allSettled(twins).then(() => send("a", second));
  expect(await Promise.allSettled(twins)).toMatchObject([{ status: "rejected" }, { status: "rejected" }]);
  await expect(after).resolves.toBeUndefined();
  expect(calls).toBe(3);
});

test("whoever sends is answered by a call that began after it was asked, one at a time", () =>
  fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(6), fc.nat(4)), { maxLength: 40 }), async (all) => {
      const send = together();
      let written = 0;
      let seen = 0;
      let running = 0;
      await Promise.all(
        all.map(async ([waits, takes]) => {
          for (let n = 0; n < waits; n++) await pause();
          written += 1;
          const mine = written;
          await send("a", async () => {
            running += 1;
            expect(running).toBe(1);
            const looked = written;
            for (let n = 0; n < takes; n++) await pause();
            seen = Math.max(seen, looked);
            running -= 1;
          });
          expect(seen).toBeGreaterThanOrEqual(mine);
        }),
      );
    }),
  ));
