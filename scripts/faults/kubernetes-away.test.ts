import { readFile, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Watch } from "@kubernetes/client-node";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { charge } from "../../domain/money/charge.ts";
import { namespaceOf, podName } from "../../server/adapters/cluster/kubernetes/pods/names.ts";
import { TEST_KUBECONFIG } from "../../server/testing/kubernetes.ts";
import { expectSound } from "../../server/testing/sound.ts";
import { leftoversWithin, NOTHING } from "./aftermath.ts";
import { type Customer, insistOnStopping, Journal, newCustomer, rent } from "./customers.ts";
import { discordWithin, HARMONY, IMAGE, type KubernetesStack, openKubernetesStack } from "./testing/kubernetes.ts";
import { smallPods } from "./testing/small-pods.ts";

/** By hand: BERTH_AWAY_SECONDS=120 */
const AWAY_MS = Number(process.env.BERTH_AWAY_SECONDS ?? 20) * 1000;
/** What a machine with other work on it may add to the fifteen seconds that it should take. */
const BACK_WITHIN_MS = 60_000;
const READY_WITHIN_MS = 90_000;
const STOPS_WITHIN_MS = 60_000;
/** Lines a process may write for each second without the API server. */
const LINES_A_SECOND = 4;

describe.skipIf(!TEST_KUBECONFIG)("while the API server is away (needs BERTH_TEST_KUBECONFIG)", () => {
  let stack: KubernetesStack;
  let customer: Customer;
  let journal: Journal;
  // Before each try: what one try left behind says nothing of the next.
  beforeEach(async () => {
    journal = new Journal();
    stack = await openKubernetesStack({ gpus: 4, cpuCores: 8, rewrite: smallPods });
    customer = await newCustomer(stack.stand.urls[0] ?? "", journal);
  }, 180_000);
  afterEach(() => stack?.[Symbol.asyncDispose](), 180_000);

  interface Row extends Record<string, unknown> {
    readonly id: `exec_${string}`;
    readonly status: string;
    readonly micros: string;
    readonly rate: string;
    readonly startedAt: string;
    readonly endedAt: string;
  }
  async function rowOf(jobId: string): Promise<Row> {
    const rows =
      await stack.stand.db.execute<Row>(sql`select e.id, e.status, j.rate::text, e.started_at::text as "startedAt",
      e.ended_at::text as "endedAt", (select coalesce(sum(taken_cash + taken_promotion), 0)::text from holds h
      where h.job_id = j.id) as micros from executions e join jobs j on j.id = e.job_id where j.id = ${jobId}`);
    expect(rows).toHaveLength(1);
    return rows[0]!;
  }
  const statusOf = async (jobId: string) => (await rowOf(jobId)).status;

  async function logsSince(marks: ReadonlyMap<string, number>): Promise<string[][]> {
    return Promise.all(
      [...marks].map(async ([file, from]) =>
        (await readFile(file)).subarray(from).toString().split("\n").filter(Boolean),
      ),
    );
  }

  test(
    `for ${AWAY_MS / 1000} s, what runs runs on, what is rented waits, and all of it converges when it is back`,
    async () => {
      const { stand, api } = stack;
      const running = await rent(customer, "runs", 1, IMAGE);
      const stopping = await rent(customer, "stopped-meanwhile", 0, IMAGE);
      for (const { id } of [running, stopping])
        await expect.poll(() => statusOf(id), { timeout: READY_WITHIN_MS, interval: 200 }).toBe("running");
      const files = [0, 1].flatMap((n) => [stand.logFile("web", n), stand.logFile("worker", n)]);
      const marks = new Map(await Promise.all(files.map(async (file) => [file, (await stat(file)).size] as const)));

      api.set("cut");
      const answered: string[] = [];
      const asked: string[] = [];
      await insistOnStopping(customer, stopping.id);
      for (const end = Date.now() + AWAY_MS; Date.now() < end; await sleep(2_000)) {
        const key = `waits-${asked.length}`;
        if (asked.length < 3) {
          asked.push(key);
          const made = await rent(customer, key, 0, IMAGE);
          expect(made.status).toBe("pending");
          answered.push(made.id);
        }
        for (const url of stand.urls) expect((await fetch(`${url}/health`)).status).toBe(200);
        expect(await statusOf(running.id)).toBe("running");
      }
      const lines = await logsSince(marks);
      api.set("open");
      const backMs = performance.now();
      for (const id of answered)
        await expect.poll(() => statusOf(id), { timeout: BACK_WITHIN_MS, interval: 100 }).toBe("running");
      await expect.poll(() => statusOf(stopping.id), { timeout: BACK_WITHIN_MS, interval: 100 }).toBe("stopped");
      process.stdout.write(
        `${AWAY_MS / 1000} s without an API server: ${answered.length} rents waited, all converged ` +
          `${((performance.now() - backMs) / 1000).toFixed(1)} s after it was back; lines in the logs meanwhile: ` +
          `${lines.map(({ length }) => length).join(", ")}\n`,
      );
      for (const said of lines) expect(said.length).toBeLessThan((AWAY_MS / 1000) * LINES_A_SECOND + 20);
      expect([...stand.webs, ...stand.workers].flatMap(({ crashes }) => crashes)).toEqual([]);
      const codes = await stand.db.execute<{ code: string }>(sql`select code from events`);
      const losses = ["provider-offline", "heartbeatLost", "graceOver", "gaveUp"];
      expect(codes.filter(({ code }) => losses.includes(code))).toEqual([]);

      for (const id of [running.id, ...answered]) await insistOnStopping(customer, id);
      expect(await leftoversWithin(stand.db, STOPS_WITHIN_MS)).toEqual(NOTHING);
      const end = await rowOf(running.id);
      const price = charge(BigInt(end.rate), new Date(end.startedAt), new Date(end.endedAt));
      expect(BigInt(end.micros)).toBe(price); // the whole span: it ran all along
      expect(await discordWithin(stand, STOPS_WITHIN_MS)).toEqual(HARMONY);
      expect(await expectSound(stand.db)).toEqual([]);
      expect(journal.failures()).toEqual([]);
    },
    AWAY_MS + 420_000,
  );

  test("one worker watches; when it is killed the other takes over, and hears of what happens", async () => {
    const { stand } = stack;
    const watches = async (n: number) =>
      (await readFile(stand.logFile("worker", n), "utf8")).split("this worker watches").length - 1;
    const begun = async () => (await Promise.all([watches(0), watches(1)])).reduce((sum, count) => sum + count, 0);
    await expect.poll(begun, { timeout: 30_000, interval: 50 }).toBe(1);
    const before = [await watches(0), await watches(1)];
    expect(before.toSorted()).toEqual([0, 1]);
    const holder = before[0] === 1 ? 0 : 1;
    await stand.workers[holder]?.end("SIGKILL");
    const killedMs = performance.now();
    await expect.poll(begun, { timeout: 30_000, interval: 50 }).toBe(2);
    process.stdout.write(`the other worker watched ${Math.round(performance.now() - killedMs)} ms after the kill\n`);
    const { id } = await rent(customer, "watched", 0, IMAGE);
    await expect.poll(() => statusOf(id), { timeout: READY_WITHIN_MS, interval: 200 }).toBe("running");
    await stand.core.deleteNamespacedPod({
      ...{ name: podName((await rowOf(id)).id), namespace: namespaceOf(customer.account) },
    });
    await expect.poll(() => statusOf(id), { timeout: BACK_WITHIN_MS, interval: 100 }).toBe("failed");
    await stand.workers[holder]?.start();
    expect(await begun()).toBe(2);
  }, 300_000);

  test("a pod that goes while nobody hears of it, for so long that the API server forgets, is noticed all the same", async () => {
    const { stand, api } = stack;
    const { id } = await rent(customer, "vanishes", 0, IMAGE);
    await expect.poll(() => statusOf(id), { timeout: READY_WITHIN_MS, interval: 200 }).toBe("running");
    const { items } = await stand.core.listPodForAllNamespaces({ labelSelector: `${stand.prefix}/execution` });
    const heard = items[0]?.metadata?.resourceVersion ?? "0";
    const execution = (await rowOf(id)).id;

    api.set("cut");
    await stand.core.deleteNamespacedPod({ name: podName(execution), namespace: namespaceOf(customer.account) });
    await untilForgotten(stack, heard);
    expect(await statusOf(id)).toBe("running"); // nobody could know
    api.set("open");
    await expect.poll(() => statusOf(id), { timeout: BACK_WITHIN_MS, interval: 100 }).toBe("failed");
    expect(await leftoversWithin(stand.db, STOPS_WITHIN_MS)).toEqual(NOTHING);
    expect(await discordWithin(stand, STOPS_WITHIN_MS)).toEqual(HARMONY);
    expect(await expectSound(stand.db)).toEqual([]);
  }, 420_000);
});

/**
 * Changes a pod that nobody runs until the API server answers 410 to whoever wants to go on from a version. It keeps what
 * is younger than 75 seconds, so that takes a little longer than that.
 */
async function untilForgotten({ stand }: KubernetesStack, version: string): Promise<void> {
  await sleep(78_000);
  const namespace = "default";
  const name = `forget-${stand.prefix.slice(0, 8)}`;
  const containers = [{ name: "none", image: "localhost/none:0", imagePullPolicy: "Never" }];
  await stand.core.createNamespacedPod({
    namespace,
    body: { metadata: { name }, spec: { schedulerName: "nobody", containers } },
  });
  try {
    for (let n = 0; n < 20_000; n += 50) {
      await Promise.all(
        Array.from({ length: 50 }, (_, k) =>
          stand.core.patchNamespacedPod({
            ...{ namespace, name, body: [{ op: "add", path: "/metadata/labels", value: { n: `${n + k}` } }] },
          }),
        ),
      );
      if (await isForgotten(stand.config, version)) return;
    }
    throw new Error("the API server forgets nothing");
  } finally {
    await stand.core.deleteNamespacedPod({ namespace, name, gracePeriodSeconds: 0 });
  }
}

/** What a watch from that version is told first. */
function isForgotten(config: KubernetesStack["stand"]["config"], resourceVersion: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let gone = false;
    const asked = { resourceVersion, timeoutSeconds: 1 };
    const hear = (type: string, object: { code?: number }) => {
      gone ||= type === "ERROR" && object.code === 410;
    };
    new Watch(config).watch("/api/v1/pods", asked, hear, () => resolve(gone)).catch(reject);
  });
}
