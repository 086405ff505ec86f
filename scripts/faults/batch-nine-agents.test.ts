// Nine machines of nine owners, of which five are as machines are: whatever the others do, every job ends right.
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { JobId } from "../../domain/ids.ts";
import { countsAsEvidence } from "../../domain/verification/decide.ts";
import type { BatchExecutionView, BatchJobView } from "../../protocol/batch.ts";
import { berthClient } from "../../protocol/client.ts";
import { expectSound } from "../../server/testing/sound.ts";
import { type Customer, Journal, newCustomer } from "./customers.ts";
import { batchJob, panel, rightResult, type Submitted, submit, undecidedWithin } from "./testing/batch-jobs.ts";
import { commandLine, ledgerOf, page } from "./testing/batch-reasons.ts";
import { type BatchStand, type FleetAgent, openBatchStand } from "./testing/batch-stand.ts";

const JOBS = 60;
/** Of a kind of their own each, so that nothing but their deadline ends what hangs. */
const UNLIKE = 12;
const TIMEOUT_SECONDS = 8;
/** The broker gives a machine two minutes more to begin; the rest is for a busy machine. */
const DECIDED_WITHIN_MS = (TIMEOUT_SECONDS + 120) * 1000 + 60_000;
/** What the seed says, in its own figures. */
const [START, AGREED, DISAGREED, SILENT] = [100, 5, -10, -20] as const;
/** Who says nothing for two minutes is offline; the rest is for a busy machine. */
const SILENT_WITHIN_MS = 120_000 + 60_000;
const CORES = 8;

const NAMES = ["honest-1", "honest-2", "honest-3", "crasher", "slow", "honest-4", "liar", "copier", "hanger"] as const;
type Name = (typeof NAMES)[number];
const LIARS = ["liar", "copier"] as const;
const HONEST = ["honest-1", "honest-2", "honest-3", "honest-4"] as const;

let stand: BatchStand;
let customer: Customer;
let journal: Journal;
let agents: Map<Name, FleetAgent>;

// Before each try: what one try left behind says nothing of the next.
beforeEach(async () => {
  journal = new Journal();
  agents = new Map();
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
afterEach(() => stand?.[Symbol.asyncDispose](), 60_000);

test(
  "of nine machines one lies, one copies, one crashes, one hangs and one is slow: every job gets its right result, each is scored for what it did, and everybody sees why",
  async () => {
    const startedMs = Date.now();
    const submitted: Submitted = new Map();
    for (let n = 0; n < UNLIKE; n++)
      await submit(customer, { key: `unlike-${n}`, timeoutSeconds: TIMEOUT_SECONDS, unlike: true }, submitted);
    let crashed: Promise<void> | undefined;
    for (let n = 0; n < JOBS; n++) {
      await submit(customer, { key: `job-${n}`, timeoutSeconds: TIMEOUT_SECONDS }, submitted);
      if (n === JOBS / 4) crashed = crash();
      await sleep(100); // some come while it is down, some before and after
    }
    await crashed;
    expect(await undecidedWithin(stand.db, DECIDED_WITHIN_MS)).toBe(0);

    expect(submitted.size).toBe(JOBS + UNLIKE);
    const jobs = new Map<string, BatchJobView>();
    const executions: BatchExecutionView[] = [];
    for (const [id, { input }] of submitted) {
      const job = await batchJob(customer, id);
      expect(job).toMatchObject({ status: "completed", verdict: { kind: "accepted" }, result: rightResult(input) });
      const members = await panel(customer, id);
      expect(new Set(members.map(({ node_id: node }) => node)).size).toBe(members.length);
      jobs.set(id, job);
      executions.push(...members);
    }
    const of = (name: Name) => executions.filter(({ node_id: node }) => node === idOf(name));
    process.stdout.write(
      `${submitted.size} jobs, ${executions.length} executions in ${Math.round((Date.now() - startedMs) / 1000)} s: ` +
        `${NAMES.map((name) => `${name} ${of(name).length}`).join(", ")}\n`,
    );

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
    for (const name of LIARS) {
      expect(of(name).filter(({ vote }) => vote === "agreed")).toEqual([]);
      // In the broker's own audits as well: one who is wrong there is caught at once, maybe before a customer's job says so.
      expect(await timesOutvoted(name)).toBeGreaterThan(0);
    }
    expect(of("crasher").filter(({ vote }) => vote === "disagreed")).toEqual([]);
    expect(of("hanger").filter(({ vote }) => vote !== null)).toEqual([]);
    expect(of("hanger").filter(({ end }) => end === "timed-out").length).toBeGreaterThan(0);

    const counted = await jobsThatCount();
    for (const name of NAMES) await expectScored(name, of(name), counted);
    for (const name of LIARS) await expectCaught(name, of(name), jobs);
    const told = [of("liar").find(({ vote }) => vote), of("hanger").find(({ end }) => end === "timed-out")];
    for (const one of told) if (one) await expectTold(one.job_id, jobs, executions);
    expect(await expectSound(stand.db)).toEqual([]);
    expect(journal.failures()).toEqual([]);
    const programs = [...stand.webs, ...stand.workers, ...[...agents.values()].map((agent) => agent.program)];
    expect(programs.flatMap(({ crashes }) => crashes)).toEqual([]);
  },
  DECIDED_WITHIN_MS + SILENT_WITHIN_MS + 120_000,
);

async function timesOutvoted(name: Name): Promise<number> {
  const [row] = await stand.db.execute<{ times: number }>(sql`
    select count(*)::int as times from batch_executions where provider_id = ${idOf(name)} and vote = 'disagreed'`);
  return row?.times ?? 0;
}

const idOf = (name: Name): string => agents.get(name)?.providerId ?? "";
const broker = (): string => stand.urls[0] ?? "";

/** Killed in the middle of jobs, away until that has cost it its score, and back on the market. */
async function crash(): Promise<void> {
  const program = agents.get("crasher")?.program;
  await program?.end("SIGKILL");
  const silent = async () => (await ledgerOf(broker(), idOf("crasher"))).events.some(({ delta }) => delta === SILENT);
  for (const deadlineMs = Date.now() + SILENT_WITHIN_MS; !(await silent()); await sleep(1_000))
    if (Date.now() > deadlineMs) throw new Error("nobody saw that the crasher fell silent");
  await program?.start();
  const client = berthClient({ baseUrl: broker() });
  while ((await client.getProvider({ params: { id: idOf("crasher") } })).status !== "available") await sleep(250);
}

/** Jobs whose votes are evidence: of the others nobody learns anything. */
async function jobsThatCount(): Promise<ReadonlySet<string>> {
  const rows = await stand.db.execute<{ id: JobId; groups: number; unfiltered: number }>(sql`
    select id, pool_groups as groups, pool_groups_unfiltered as unfiltered from batch_jobs where purpose = 'customer'`);
  return new Set(rows.filter(countsAsEvidence).map(({ id }) => id));
}

/** The public ledger of a machine says what its executions say, no more and no less, and sums up to its score. */
async function expectScored(name: Name, own: readonly BatchExecutionView[], counted: ReadonlySet<string>) {
  const { reputation, events } = await ledgerOf(broker(), idOf(name));
  let score = 0;
  for (const { delta, score: after } of [...events].reverse()) {
    score += delta;
    expect(after).toBe(score);
  }
  expect(score).toBe(reputation);
  const [enrolled, ...steps] = [...events].reverse();
  expect(enrolled).toMatchObject({ delta: START, job_id: null });
  const silent = steps.filter(({ job_id: job }) => job === null);
  expect(silent.map(({ delta, reason }) => [delta, reason])).toEqual(name === "crasher" ? [[SILENT, "offline"]] : []);
  const voted = steps.filter(({ job_id: job }) => job !== null);
  expect(new Set(voted.map(({ job_id: job }) => job)).size).toBe(voted.length);
  const lies = name === "liar" || name === "copier";
  for (const { delta, reason, score: after } of voted)
    expect([delta, reason]).toEqual(lies ? [Math.max(DISAGREED, delta - after), "disagreed"] : [AGREED, "agreed"]);
  const said = new Set(voted.map(({ job_id: job }) => job));
  // What agrees only once everybody may see the result proves nothing: of those that came late some are left out.
  const proves = own.filter(
    ({ job_id: job, vote, status }) =>
      counted.has(job) && (vote === "disagreed" || (vote === "agreed" && status === "succeeded")),
  );
  if (reputation > 0) expect(proves.filter(({ job_id: job }) => !said.has(job))).toEqual([]);
  if (lies) expect(said.size).toBeGreaterThan(0);
  const without = own
    .filter(({ job_id: job, vote }) => vote === null || !counted.has(job))
    .map(({ job_id: job }) => job);
  expect(without.filter((job) => said.has(job))).toEqual([]);
}

/** Who is caught gets no more work, and what it had delivered to jobs that were open then has no vote. */
async function expectCaught(name: Name, own: readonly BatchExecutionView[], jobs: ReadonlyMap<string, BatchJobView>) {
  const [event] = await stand.db.execute<{ at: string }>(sql`
    select at from events where subject = ${idOf(name)} and code = 'quarantined'`);
  expect(event).toBeDefined();
  const at = Date.parse(event?.at ?? "");
  expect(own.filter(({ created_at: given }) => Date.parse(given) > at)).toEqual([]);
  const delivered = own.filter(
    ({ status, completed_at: end }) => status === "succeeded" && Date.parse(end ?? "") <= at,
  );
  const open = delivered.filter(({ job_id: job }) => Date.parse(jobs.get(job)?.completed_at ?? "") > at);
  process.stdout.write(`${name} was caught with ${open.length} results in open jobs
`);
  expect(open.filter(({ vote }) => vote !== null)).toEqual([]);
  const { evidence } = await berthClient({ baseUrl: broker() }).getNode({ params: { id: idOf(name) } });
  expect(evidence).toMatchObject({ quarantined: true, quarantine_reason: expect.stringMatching(/\w{3}/) });
  const seen = await page(broker(), `/network/${idOf(name)}`);
  expect(seen).toContain("It is quarantined: it gets no work.");
  expect(seen).toContain(evidence.quarantine_reason ?? "no reason");
  expect(seen).toContain("Its result disagreed with the verdict");
}

/** The verdict and what became of every execution, in the words of the API, on the command line and on the page. */
async function expectTold(id: string, jobs: ReadonlyMap<string, BatchJobView>, all: readonly BatchExecutionView[]) {
  const sentence = jobs.get(id)?.verdict?.sentence ?? "";
  expect(sentence).toMatch(/\w{3}.*\./);
  const [line, seen] = [await commandLine(broker(), customer, id), await page(broker(), `/jobs/${id}`, customer)];
  for (const shown of [line, seen]) expect(shown).toContain(sentence);
  for (const { job_id: job, provider_name: name, vote, detail } of all) {
    if (job !== id) continue;
    for (const shown of [line, seen]) {
      expect(shown).toContain(name);
      expect(shown).toContain(vote ?? "");
      expect(shown).toContain(detail ?? "");
    }
  }
}
