import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { namespaceOf, podName } from "../../server/adapters/cluster/kubernetes/pods/names.ts";
import { TEST_KUBECONFIG } from "../../server/testing/kubernetes.ts";
import { expectSound } from "../../server/testing/sound.ts";
import { halfJobs, jobsByKey, leftoversWithin, NOTHING } from "./aftermath.ts";
import {
  type Customer,
  insistOnRenting,
  insistOnStopping,
  Journal,
  jobsOf,
  newCustomer,
  stopAll,
} from "./customers.ts";
import { discordWithin, HARMONY, IMAGE, type KubernetesStack, openKubernetesStack } from "./testing/kubernetes.ts";
import { smallPods } from "./testing/small-pods.ts";

/** A long run by hand: BERTH_CHAOS_SECONDS=600 */
const CHAOS_MS = Number(process.env.BERTH_CHAOS_SECONDS ?? 75) * 1000;
const GPUS = 4;
const CORES = 6;
const CUSTOMERS = 4;
const SETTLES_WITHIN_MS = 90_000;

describe.skipIf(!TEST_KUBECONFIG)("two webs and two workers on a real Kubernetes (need BERTH_TEST_KUBECONFIG)", () => {
  let stack: KubernetesStack;
  let journal: Journal;
  let count: { kills: number; podsDeleted: number; podsMade: number };
  // Before each try: what one try left behind says nothing of the next.
  beforeEach(async () => {
    journal = new Journal();
    count = { kills: 0, podsDeleted: 0, podsMade: 0 };
    stack = await openKubernetesStack({ gpus: GPUS, cpuCores: CORES, rewrite: smallPods });
  }, 180_000);
  afterEach(() => stack?.[Symbol.asyncDispose](), 180_000);

  test(
    "killed at random while customers rent and stop and pods vanish, lose no rental, double none, and leave nothing behind",
    async () => {
      const { stand } = stack;
      const customers = await Promise.all(
        Array.from({ length: CUSTOMERS }, (_, n) => newCustomer(stand.urls[n % 2] ?? "", journal)),
      );
      const over = AbortSignal.timeout(CHAOS_MS);
      await Promise.all([
        ...customers.map((customer, n) => rentAndStop(customer, `c${n}`, over)),
        killAtRandom(over),
        deletePods(over),
      ]);
      await Promise.all(customers.map((customer) => stopAll([customer])));
      const left = await leftoversWithin(stand.db, SETTLES_WITHIN_MS);
      const disagreement = await discordWithin(stand, SETTLES_WITHIN_MS);
      const codes = [...journal.refused.values()];
      count.podsMade = stack.api.takeCalls().get("POST pods")?.count ?? 0;
      process.stdout.write(
        `${CHAOS_MS / 1000} s: ${journal.jobs.length} rents and ${journal.stopped.size} stops acknowledged of ` +
          `${journal.requests} requests, ${journal.broken} broken by ${count.kills} kills; refused: ` +
          `${[...new Set(codes)].map((code) => `${codes.filter((each) => each === code).length} ${code}`).join(", ") || "none"}; ` +
          `${count.podsDeleted} pods deleted behind our back; ${count.podsMade} times a pod was asked for\n`,
      );
      expect(left).toEqual(NOTHING);
      expect(disagreement).toEqual(HARMONY);
      expect(await expectSound(stand.db)).toEqual([]);
      expect(await halfJobs(stand.db)).toEqual([]);

      const made = (await jobsByKey(stand.db)).map(({ key, id }) => `${key} ${id}`);
      const promised = [...journal.rented].flatMap(([key, ids]) => [...ids].map((id) => `${key} ${id}`));
      expect(made.sort()).toEqual(promised.sort());
      const ends = (await Promise.all(customers.map(jobsOf))).flat();
      expect(ends.filter(({ reason }) => reason === null)).toEqual([]);
      const strange = ends.filter(({ status }) => !["stopped", "cancelled", "failed"].includes(status));
      expect(strange).toEqual([]);
      // Each that failed had its pod taken away: no kill of ours ends anybody's rental.
      const failed = ends.filter(({ status }) => status === "failed").map(({ reason }) => reason?.code);
      expect(failed.filter((code) => code !== "gone-from-provider" && code !== "killed")).toEqual([]);
      expect(failed.length).toBeLessThanOrEqual(count.podsDeleted);
      expect(journal.hung).toBe(0);
      expect([...stand.webs, ...stand.workers].flatMap(({ crashes }) => crashes)).toEqual([]);
      // And it was no idle run: pods were asked for, and rentals ran.
      expect(count.podsMade).toBeGreaterThan(0);
      expect(ends.filter(({ started_at }) => started_at !== null).length).toBeGreaterThan(0);
    },
    CHAOS_MS + 2 * SETTLES_WITHIN_MS + 120_000,
  );

  async function rentAndStop(customer: Customer, name: string, over: AbortSignal): Promise<void> {
    const held: string[] = [];
    for (let n = 0; !over.aborted; n++) {
      const asks = n % 5 === 0 ? 2 : 1; // twins, now and then
      const key = `${name}-${n}`;
      const [id] = await Promise.all(Array.from({ length: asks }, () => insistOnRenting(customer, key, n % 2, IMAGE)));
      if (id) held.push(id);
      await pause(500 + Math.random() * 3_500, over); // some are stopped while they start, some after they ran
      const oldest = held.length > 1 || Math.random() < 0.4 ? held.shift() : undefined;
      if (oldest) await insistOnStopping(customer, oldest);
    }
  }

  async function killAtRandom(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      await pause(1_000 + Math.random() * 4_000, over);
      const { webs, workers } = stack.stand;
      const all = [...webs, ...workers];
      const victim = all[Math.floor(Math.random() * all.length)];
      await victim?.end("SIGKILL");
      count.kills++;
      await pause(Math.random() * 2_000, over);
      await victim?.start();
    }
  }

  /** Of rentals that run and that nobody asked to stop yet. */
  async function deletePods(over: AbortSignal): Promise<void> {
    const { stand } = stack;
    while (!over.aborted) {
      await pause(12_000 + Math.random() * 8_000, over);
      const [row] = await stand.db.execute<{ id: `exec_${string}`; account: string }>(sql`
        select e.id, j.account from executions e join jobs j on j.id = e.job_id where e.status = 'running'
        order by random() limit 1`);
      if (!row) continue;
      const at = { name: podName(row.id), namespace: namespaceOf(row.account) };
      await stand.core.deleteNamespacedPod(at).then(
        () => count.podsDeleted++,
        () => {}, // it was just stopped
      );
    }
  }
});

async function pause(ms: number, over: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal: over }).catch(() => {});
}
