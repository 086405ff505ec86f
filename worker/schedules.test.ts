import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { metrics } from "../server/metrics.ts";
import { MemoryCluster, openWorld, type World } from "../server/testing/world.ts";
import { stampWorker } from "../server/usecases/system/stamp-worker.ts";
import { startSchedules } from "./schedules.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

test("all sweeps together run, stop when they are told to, and leave no listeners behind", async () => {
  const warnings: string[] = [];
  const hear = ({ message }: Error) => void warnings.push(message);
  process.on("warning", hear);
  const schedules = startSchedules(world.deps, "worker-1");
  await delay(1_500); // a second round of those that run each second
  await schedules.stop();
  process.off("warning", hear);
  expect(warnings.filter((message) => message.includes("memory leak"))).toEqual([]);
});

test("orphans are counted by where they were", async () => {
  const pods = Object.assign(new MemoryCluster(), { watch: async () => {}, lastWords: async () => "" });
  const { cluster, ids } = world.deps;
  cluster.seen.set(ids.next("exec"), cluster.onApply);
  for (const id of [ids.next("exec"), ids.next("exec")]) pods.seen.set(id, pods.onApply);
  await startSchedules({ ...world.deps, pods }, "worker-1").stop();
  const { values } = await metrics.sweepCorrections.get();
  const counted = Object.fromEntries(values.map(({ labels, value }) => [labels.kind, value]));
  expect(counted).toMatchObject({ "agent-orphan": 1, "pod-orphan": 2 });
});

test("of two workers one compares the nodes in a round and the other in the next; who is gone, another stands in for", async () => {
  const listed: string[] = [];
  const nodesOf = (name: string) => ({
    ...unused,
    requests: async () => [],
    list: async () => {
      listed.push(name);
      return [];
    },
  });
  /** One round of every sweep. */
  const round = async (...names: string[]) => {
    listed.length = 0;
    for (const name of names) await stampWorker(world.deps, name);
    for (const name of names) await startSchedules({ ...world.deps, nodes: nodesOf(name) }, name).stop();
    return [...listed];
  };
  world.pass(30_000);
  const first = await round("worker-a", "worker-b");
  expect(first).toHaveLength(1);
  world.pass(30_000);
  const second = await round("worker-a", "worker-b");
  expect([...first, ...second].toSorted()).toEqual(["worker-a", "worker-b"]);
  const [left = "", stays = ""] = [...first, ...second]; // it would be the turn of the one that is gone
  for (const _ of [1, 2]) {
    world.pass(30_000);
    expect(await round(stays)).toEqual([stays]);
  }
  expect(listed).not.toContain(left);
});

const never = () => Promise.reject(new Error("this test asks for nothing but lists"));
const unused = {
  ...{ prepare: never, issueToken: never, revokeToken: never, approve: never, refuse: never },
  ...{ find: never, mark: never, watch: never },
};
