// A hundred MiB where one is the most: sent to the broker by who signs well, and written by a job on a real agent.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { lstat, readdir, readFile } from "node:fs/promises";
import { type ClientRequest, request as httpRequest } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openIdentity } from "../../agent/identity.ts";
import { SIGNATURE_HEADERS, signedText } from "../../protocol/agent.ts";
import { expectSound } from "../../server/testing/sound.ts";
import { type Customer, insist, Journal, newCustomer } from "./customers.ts";
import { batchJob, panel, rightResult, type Submitted, submit, undecidedWithin } from "./testing/batch-jobs.ts";
import { ledgerOf } from "./testing/batch-reasons.ts";
import { type BatchStand, type FleetAgent, openBatchStand } from "./testing/batch-stand.ts";

const MIB = 1 << 20;
const HUGE = 100 * MIB;
/** Of what a process may grow while it refuses or collects something a hundred MiB long: its own young objects. */
const MOST_GROWTH = 64 * MIB;
const NAMES = ["real-1", "real-2", "real-3"] as const;
const WITHIN_MS = 300_000;

let stand: BatchStand;
let customer: Customer;
const agents: FleetAgent[] = [];
const journal = new Journal();

beforeAll(async () => {
  stand = await openBatchStand({ webs: 1, workers: 1 });
  customer = await newCustomer(stand.urls[0] ?? "", journal);
  for (const name of NAMES) agents.push(await stand.agent({ name, cores: 4, role: "real" }));
}, 300_000);
afterAll(() => stand?.[Symbol.asyncDispose](), 60_000);

/** A body of a hundred MiB of x between two ends; its hash is known before it is sent. */
function hugeBody(head: string, tail: string) {
  const part = Buffer.alloc(MIB, "x");
  const parts = [Buffer.from(head), ...Array.from({ length: HUGE / MIB }, () => part), Buffer.from(tail)];
  const hash = createHash("sha256");
  for (const one of parts) hash.update(one);
  return { parts, bytes: parts.reduce((sum, { length }) => sum + length, 0), sha256: hash.digest("hex") };
}

/** Sends as fast as it is taken, until it is answered. @returns the answer, and how much was sent */
async function pour(request: ClientRequest, parts: readonly Buffer[]) {
  const over = new AbortController();
  const answered = once(request, "response").then(async ([response]) => {
    over.abort();
    let text = "";
    for await (const chunk of response) text += String(chunk);
    return { status: response.statusCode, headers: response.headers, text };
  });
  // Whoever is refused may find the connection closed while it writes on; the answer has come before.
  request.on("error", () => {});
  let sent = 0;
  for (const part of parts) {
    if (over.signal.aborted) break;
    sent += part.length;
    if (!request.write(part)) await once(request, "drain", { signal: over.signal }).catch(() => {});
  }
  request.end();
  return { ...(await answered), sent };
}

/** Of a process, without what it started. */
async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

/** The most that a process held beyond what it held at first. */
async function growthOf<T>(pid: number, work: () => Promise<T>): Promise<{ value: T; grownBytes: number }> {
  const before = await residentBytes(pid);
  expect(before).toBeGreaterThan(0);
  const over = new AbortController();
  let most = before;
  const watching = (async () => {
    for (; !over.signal.aborted; await sleep(20)) most = Math.max(most, await residentBytes(pid));
  })();
  try {
    return { value: await work(), grownBytes: most - before };
  } finally {
    over.abort();
    await watching;
  }
}

/** A job like any other, so that each machine is seen to go on. */
async function expectOneMore(key: string): Promise<void> {
  const submitted: Submitted = new Map();
  await submit(customer, { key, timeoutSeconds: 60 }, submitted);
  expect(await undecidedWithin(stand.db, WITHIN_MS)).toBe(0);
  for (const id of submitted.keys())
    expect(await batchJob(customer, id)).toMatchObject({ status: "completed", result: rightResult(key) });
}

test(
  "a result of a hundred MiB is refused with 413 before it is held, signed right or from a third-party worker, and the machine's others are taken",
  async () => {
    const url = new URL(stand.urls[0] ?? "");
    const [agent] = agents;
    const web = stand.webs[0]?.pid ?? 0;
    const identity = await openIdentity(join(stand.folder, NAMES[0]));
    const path = `/api/v1/providers/${agent?.providerId}/results`;
    const seq = Number.MAX_SAFE_INTEGER;
    const id = `exec_${"0".repeat(26)}`;
    const own = hugeBody(`{"seq":${seq},"results":[{"execution_id":"${id}","stdout":"`, `"}]}`);
    const theirs = hugeBody(`{"execution_id":"${id}","job_id":"j","node_id":"n","result":"`, `"}`);
    const time = new Date().toISOString();
    const signature = identity.sign(signedText("POST", path, time, seq, own.sha256));
    const signed = {
      [SIGNATURE_HEADERS.time]: time,
      [SIGNATURE_HEADERS.sequence]: String(seq),
      [SIGNATURE_HEADERS.signature]: signature,
    };
    for (const [target, body, headers] of [
      [path, own, signed],
      ["/api/v1/worker/result", theirs, { authorization: `Bearer ${customer.token}` }],
    ] as const)
      for (const length of [{ "content-length": String(body.bytes) }, { "transfer-encoding": "chunked" }]) {
        const request = httpRequest({
          ...{ host: url.hostname, port: url.port, method: "POST", path: target },
          headers: { "content-type": "application/json", ...headers, ...length },
        });
        const { value: answer, grownBytes } = await growthOf(web, () => pour(request, body.parts));
        process.stdout.write(
          `${target.split("/").at(-1)} ${Object.keys(length)[0]}: ${answer.status} after ${Math.round(answer.sent / MIB)} MiB, ` +
            `the web grew by ${Math.round(grownBytes / MIB)} MiB\n`,
        );
        expect(answer, answer.text).toMatchObject({ status: 413 });
        expect(answer.headers["content-type"]).toBe("application/problem+json");
        expect(answer.headers.connection).toBe("close");
        expect(JSON.parse(answer.text)).toMatchObject({ code: "too-large", status: 413 });
        expect(grownBytes).toBeLessThan(MOST_GROWTH);
      }
    await expectOneMore("huge-result");
    expect(await expectSound(stand.db)).toEqual([]);
    expect(stand.webs.flatMap(({ crashes }) => crashes)).toEqual([]);
  },
  2 * WITHIN_MS,
);

test.each([
  { where: "stdout", script: `head -c ${HUGE} /dev/zero | tr '\\0' x`, files: [] },
  { where: "an output file", script: `head -c ${HUGE} /dev/zero > big`, files: ["big"] },
])(
  "a job that writes a hundred MiB to $where ends with the limit in its reason, costs no machine its score, and no agent its memory",
  async ({ where, script, files }) => {
    const scores = async () =>
      Promise.all(
        agents.map(async ({ providerId }) => (await ledgerOf(stand.urls[0] ?? "", providerId)).events.length),
      );
    const before = await scores();
    const pids = agents.map(({ program }) => program.pid ?? 0);
    const run = async () => {
      const { id } = await insist(() =>
        customer.client.createJob({
          body: {
            ...{ kind: "batch", name: `100 MiB to ${where}`, docker_image: "debian:12", command: ["sh", "-c", script] },
            ...{ files, timeout_seconds: 120, queue_timeout: 3600 },
          },
        }),
      );
      expect(await undecidedWithin(stand.db, WITHIN_MS)).toBe(0);
      return id;
    };
    const watched = pids.reduce<() => Promise<{ id: string; grown: number[] }>>(
      (inner, pid) => async () => {
        const { value, grownBytes } = await growthOf(pid, inner);
        return { id: value.id, grown: [...value.grown, grownBytes] };
      },
      async () => ({ id: await run(), grown: [] }),
    );
    const { id, grown } = await watched();
    process.stdout.write(
      `${where}: the agents grew by ${grown.map((bytes) => Math.round(bytes / MIB)).join(", ")} MiB\n`,
    );
    expect(Math.max(...grown)).toBeLessThan(MOST_GROWTH);
    const job = await batchJob(customer, id);
    expect(job).toMatchObject({ status: "failed", verdict: { kind: "job-error" }, held: "0.000000" });
    expect(job.error_message).toMatch(/more output than the 1 MiB of a result/);
    const ended = (await panel(customer, id)).filter(({ status }) => status === "failed");
    expect(ended.length).toBeGreaterThanOrEqual(2);
    for (const { end, detail, result } of ended)
      expect({ end, detail, result: result?.length ?? 0 }).toEqual({
        ...{ end: "too-large", detail: "Its stdout and output files are more than 1024 KiB together." },
        result: expect.any(Number),
      });
    expect(await scores()).toEqual(before);
    for (const { name } of agents)
      await expect.poll(() => bytesUnder(join(stand.folder, name)), { timeout: 60_000 }).toBeLessThan(HUGE);
    await expectOneMore(`huge-${files.length}`);
    expect(await expectSound(stand.db)).toEqual([]);
    expect(agents.flatMap(({ program }) => program.crashes)).toEqual([]);
  },
  2 * WITHIN_MS,
);

/** What lies on the disk of a machine once its job is over. */
async function bytesUnder(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true });
  const sizes = names.map(async (name) => {
    const about = await lstat(join(folder, name)).catch(() => null); // gone in between
    return about?.isFile() ? about.size : 0;
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
