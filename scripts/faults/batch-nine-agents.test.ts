// Nine machines of nine owners, of which five are as machines are: whatever the others do, every job ends right.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { REPUTATION_START } from "../../domain/provider/state.ts";
import { RULES } from "../../domain/verification/constants.ts";
import type { BatchExecutionView } from "../../protocol/batch.ts";
import { berthClient } from "../../protocol/client.ts";
import type { ReputationEventView } from "../../protocol/views.ts";
import { expectSound } from "../../server/testing/sound.ts";
import { type Customer, Journal, newCustomer } from "./customers.ts";
import { batchJob, panel, rightResult, type Submitted, submit, undecidedWithin } from "./testing/batch-jobs.ts";
import { type BatchStand, type FleetAgent, openBatchStand } from "./testing/batch-stand.ts";

const JOBS = 60;
/** Of a kind of their own each, so that nothing but their deadline ends what hangs. */
const UNLIKE = 12;
const TIMEOUT_SECONDS = 8;
/** The broker gives a machine two minutes more to begin; the rest is for a busy machine. */
const DECIDED_WITHIN_MS = (TIMEOUT_SECONDS + 120) * 1000 + 60_000;
const DOWN_MS = 5_000;
const CORES = 8;

const NAMES = ["honest-1", "honest-2", "honest-3", "crasher", "slow", "honest-4", "liar", "copier", "hanger"] as const;
type Name = (typeof NAMES)[number];
const HONEST = ["honest-1", "honest-2", "honest-3", "honest-4"] as const;

let stand: BatchStand;
let customer: Customer;
const journal = new Journal();
const agents = new Map<Name, FleetAgent>();

beforeAll(async () => {
  stand = await openBatchStand({ webs: 1, workers: 1 });
  customer = await newCustomer(stand.urls[0] ?? "", journal);
  for (const name of NAMES) {
    const real = name.startsWith("honest") || name === "crasher";
    const role = real ? "real" : name === "slow" || name === "liar" || name === "copier" ? name : "hanger";
    // What hangs offers most, so that many jobs come its way; a copier looks with the eyes of the job's own owner.
    const cores = name === "hanger" ? 3 * CORES : CORES;
    const eyes = name === "copier" ? { eyes: customer.token } : {};
    agents.set(name, await stand.agent({ name, cores, role, ...eyes }));
  }
}, 180_000);
afterAll(() => stand?.[Symbol.asyncDispose](), 60_000);

test(
  "of nine machines one lies, one copies, one crashes, one hangs and one is slow: every job gets its right result, each is scored for what it did, and everybody sees why",
  async () => {
    const startedMs = Date.now();
    const submitted: Submitted = new Map();
    for (let n = 0; n < UNLIKE; n++)
      await submit(customer, { key: `unlike-${n}`, timeoutSeconds: TIMEOUT_SECONDS, unlike: true }, submitted);
    for (let n = 0; n < JOBS; n++) {
      await submit(customer, { key: `job-${n}`, timeoutSeconds: TIMEOUT_SECONDS }, submitted);
      if (n === JOBS / 4) void crash();
      await sleep(100); // some come while it is down, some before and after
    }
    expect(await undecidedWithin(stand.db, DECIDED_WITHIN_MS)).toBe(0);

    expect(submitted.size).toBe(JOBS + UNLIKE);
    const executions: BatchExecutionView[] = [];
    for (const [id, { input }] of submitted) {
      const job = await batchJob(customer, id);
      expect(job).toMatchObject({ status: "completed", verdict: { kind: "accepted" }, result: rightResult(input) });
      const members = await panel(customer, id);
      expect(new Set(members.map(({ node_id: node }) => node)).size).toBe(members.length);
      executions.push(...members);
    }
    const of = (name: Name) => executions.filter(({ node_id: node }) => node === agents.get(name)?.providerId);
    process.stdout.write(
      `${submitted.size} jobs, ${executions.length} executions in ${Math.round((Date.now() - startedMs) / 1000)} s: ` +
        `${NAMES.map((name) => `${name} ${of(name).length}`).join(", ")}\n`,
    );

    // What a liar had delivered to open jobs when it was caught has no vote.
    const liars = new Set([...of("liar"), ...of("copier")].map(({ id }) => id));
    for (const { id, status, end, detail, vote } of executions) {
      expect(["succeeded", "failed", "stopped", "lost"]).toContain(status);
      if (status === "succeeded") expect(liars.has(id) ? [null, "disagreed"] : ["agreed", "disagreed"]).toContain(vote);
      else expect({ end, detail }).toEqual({ end: expect.any(String), detail: expect.stringMatching(/\w{3}/) });
    }
    for (const name of [...HONEST, "slow"] as const) {
      expect(of(name).filter(({ vote }) => vote === "agreed").length).toBeGreaterThan(0);
      expect(of(name).filter(({ vote }) => vote === "disagreed")).toEqual([]);
    }
    for (const name of ["liar", "copier"] as const) {
      expect(of(name).filter(({ vote }) => vote === "agreed")).toEqual([]);
      expect(of(name).filter(({ vote }) => vote === "disagreed").length).toBeGreaterThan(0);
    }
    expect(of("crasher").filter(({ vote }) => vote === "disagreed")).toEqual([]);
    expect(of("hanger").filter(({ vote }) => vote !== null)).toEqual([]);
    expect(of("hanger").filter(({ end }) => end === "timed-out").length).toBeGreaterThan(0);

    for (const name of NAMES) await expectScored(name);
    expect(await expectSound(stand.db)).toEqual([]);
    expect(journal.failures()).toEqual([]);
    const programs = [...stand.webs, ...stand.workers, ...[...agents.values()].map((agent) => agent.program)];
    expect(programs.flatMap(({ crashes }) => crashes)).toEqual([]);
  },
  DECIDED_WITHIN_MS + 60_000,
);

/** Killed in the middle of jobs, and away for a while. */
async function crash(): Promise<void> {
  const program = agents.get("crasher")?.program;
  await program?.end("SIGKILL");
  await sleep(DOWN_MS);
  await program?.start();
}

/** The public ledger of a machine says what its jobs say, and sums up to its score. */
async function expectScored(name: Name): Promise<void> {
  const id = agents.get(name)?.providerId ?? "";
  const { reputation, events: all } = await ledger(id);
  let score = 0;
  for (const { delta, score: after } of [...all].reverse()) {
    score += delta;
    expect(after).toBe(score);
  }
  expect(score).toBe(reputation);
  expect(all.at(-1)?.delta).toBe(REPUTATION_START);
  const events = all.slice(0, -1);
  const deltas = events.map(({ delta }) => delta);
  if (name === "hanger") expect(deltas).toEqual([]);
  else if (name === "liar" || name === "copier") {
    expect(deltas.length).toBeGreaterThan(0);
    // The last step to nothing may be a smaller one; what comes after it is none at all.
    expect(deltas.filter((delta) => delta > 0 || delta < RULES.disagreed)).toEqual([]);
    expect(reputation).toBeLessThan(REPUTATION_START);
  } else {
    expect(deltas.filter((delta) => delta !== RULES.agreed)).toEqual([]);
    if (name !== "crasher") expect(reputation).toBeGreaterThan(REPUTATION_START);
  }
  expect(events.filter(({ job_id: job, reason }) => job === null || reason === "")).toEqual([]);
  expect(new Set(events.map(({ job_id: job }) => job)).size).toBe(events.length);
}

async function ledger(id: string): Promise<{ reputation: number; events: readonly ReputationEventView[] }> {
  const client = berthClient({ baseUrl: stand.urls[0] ?? "" });
  const events: ReputationEventView[] = [];
  for (let cursor: string | null | undefined; ; ) {
    const query = { limit: "100", ...(typeof cursor === "string" ? { cursor } : {}) };
    const page = await client.listReputation({ params: { id }, query });
    events.push(...page.events);
    cursor = page.next_cursor;
    if (cursor === null) return { reputation: page.reputation, events };
  }
}
