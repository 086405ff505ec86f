import Docker from "dockerode";
import { expect, test } from "vitest";
import type { Found } from "./docker/engine.ts";
import { findDocker } from "./registry.ts";

const AWAY: Found = { why: "no container engine", fix: "start it" };
const THERE: Found = { engine: { docker: new Docker(), kind: "docker", version: "1", socket: "/none" } };
const WAITS = { firstMs: 30, everyMs: 5, laterMs: 5 };

test("an engine that comes after the agent's start is found, however late", async () => {
  let asked = 0;
  let here = false;
  const offered = await findDocker(async () => {
    asked += 1;
    return here ? THERE : AWAY;
  }, WAITS);
  expect(offered.whyNoSandbox).toBe("no container engine");
  const before = asked;
  const later = offered.untilSandboxed?.(new AbortController().signal);
  await expect.poll(() => asked).toBeGreaterThan(before + 3);
  here = true;
  await later;
});

test("one that starts together with the agent is waited for, and who stops waits no longer", async () => {
  let asked = 0;
  const find = async () => (asked++ > 2 ? THERE : AWAY);
  expect((await findDocker(find, { ...WAITS, firstMs: 5000 })).whyNoSandbox).toBeUndefined();
  const never = await findDocker(async () => AWAY, WAITS);
  await never.untilSandboxed?.(AbortSignal.timeout(20));
});
