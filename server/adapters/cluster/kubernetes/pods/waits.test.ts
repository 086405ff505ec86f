import { expect, test } from "vitest";
import { formatId } from "../../../../../domain/ids.ts";
import { knownWaits, type Wait } from "./waits.ts";

const ID = formatId("exec", 1, new Uint8Array(10));
const wait = (cause: Wait["cause"], detail = ""): Wait => ({ cause, detail, atMostMs: 1_000 });

test("a wait is over when it took as long as it may, by a clock that nobody sets", () => {
  let ms = 5_000;
  const waits = knownWaits(() => ms);
  expect(waits.isOver(ID, wait("ssh-silent"))).toBe(false);
  ms += 999;
  expect(waits.isOver(ID, wait("ssh-silent", "another detail"))).toBe(false);
  ms += 1;
  expect(waits.isOver(ID, wait("ssh-silent"))).toBe(true);
});

test("a wait begins again for another thing, after nothing was waited for, and in a new process", () => {
  let ms = 0;
  const waits = knownWaits(() => ms);
  waits.isOver(ID, wait("unschedulable"));
  ms += 1_000;
  expect(waits.isOver(ID, wait("start-failed"))).toBe(false);
  ms += 1_000;
  waits.isOver(ID, null);
  expect(waits.isOver(ID, wait("start-failed"))).toBe(false);
  ms += 1_000;
  expect(knownWaits(() => ms).isOver(ID, wait("start-failed"))).toBe(false);
  waits.forgetAllBut(new Set());
  expect(waits.isOver(ID, wait("start-failed"))).toBe(false);
});
