import { expect, test } from "vitest";
import type { Wakes } from "../deps.ts";
import { hangBell } from "./bell.ts";

function world() {
  const sleepers = new Map<string, () => void>();
  const wakes: Wakes = {
    wait: async () => {},
    subscribe: (topic, onWake) => {
      sleepers.set(topic, onWake);
      return () => sleepers.delete(topic);
    },
  };
  return { bell: hangBell(wakes, "job_1"), ring: () => sleepers.get("job_1")?.(), sleepers };
}
const FOR_EVER_MS = 60_000;

test("a wake that came before anybody waited is heard at once, and once", async () => {
  const { bell, ring } = world();
  ring();
  ring();
  expect(await bell.heard(FOR_EVER_MS)).toBe(true);
  expect(await bell.heard(1)).toBe(false);
});

test("a wake ends the wait, and the next wait waits for another one", async () => {
  const { bell, ring } = world();
  for (let round = 0; round < 3; round++) {
    const heard = bell.heard(FOR_EVER_MS);
    ring();
    expect(await heard).toBe(true);
  }
});

test("who hangs up stops waiting, and leaves no listener on the signal behind", async () => {
  const { bell } = world();
  const gone = new AbortController();
  const heard = bell.heard(FOR_EVER_MS, gone.signal);
  gone.abort();
  expect(await heard).toBe(false);
  expect(await bell.heard(FOR_EVER_MS, gone.signal)).toBe(false);
});

test("a bell that was taken down hears nothing", () => {
  const { bell, sleepers } = world();
  bell.stop();
  expect(sleepers.size).toBe(0);
});
