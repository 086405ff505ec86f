import fc from "fast-check";
import { expect, test } from "vitest";
import { formatId } from "../../../../../domain/ids.ts";
import { knownWaits, type Wait } from "./waits.ts";

const ID = formatId("exec", 1, new Uint8Array(10));
const wait = (on: Wait["on"], detail = ""): Wait => ({ on, cause: "start-failed", detail, atMostMs: 1_000 });

test("a wait is over when it took as long as it may, by a clock that nobody sets", () => {
  let ms = 5_000;
  const waits = knownWaits(() => ms);
  expect(waits.over(ID, wait("ssh"))).toBeNull();
  ms += 999;
  expect(waits.over(ID, wait("ssh", "another detail"))).toBeNull();
  ms += 1;
  expect(waits.over(ID, wait("ssh", "the last"))).toEqual(wait("ssh", "the last"));
});

test("a wait begins again for another thing, after nothing was waited for, and in a new process", () => {
  let ms = 0;
  const waits = knownWaits(() => ms);
  waits.over(ID, wait("image"));
  ms += 1_000;
  expect(waits.over(ID, wait("container"))).toBeNull();
  ms += 1_000;
  waits.over(ID, null);
  expect(waits.over(ID, wait("container"))).toBeNull();
  ms += 1_000;
  expect(knownWaits(() => ms).over(ID, wait("container"))).toBeNull();
  waits.forgetAllBut(new Set());
  expect(waits.over(ID, wait("container"))).toBeNull();
});

test("in whatever turn a kubelet says that a pull was refused and that it backs off, the first refusal heard is the end", () => {
  const backsOff: Wait = { on: "image", cause: "start-failed", detail: "ImagePullBackOff", atMostMs: 60_000 };
  const refused: Wait = { on: "image", cause: "image-denied", detail: "401", atMostMs: 0 };
  const look = fc.record({ afterMs: fc.nat(20_000), said: fc.constantFrom(backsOff, refused) });
  fc.assert(
    fc.property(fc.array(look), (looks) => {
      let ms = 0;
      let first: number | null = null;
      let end: Wait | null = null;
      const waits = knownWaits(() => ms);
      for (const { afterMs, said } of looks) {
        ms += afterMs;
        first ??= ms;
        end ??= said === refused || ms - first >= 60_000 ? said : null;
        expect(waits.over(ID, said)).toBe(end);
      }
    }),
  );
});
