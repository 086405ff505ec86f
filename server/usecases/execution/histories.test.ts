// Random histories over a real PostgreSQL: whatever happens in whatever order, nothing is sold twice or lost.
import { sql } from "drizzle-orm";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Principal } from "../../../domain/account/principal.ts";
import { isAppError } from "../../../domain/errors.ts";
import { END_CAUSES } from "../../../domain/execution/spec.ts";
import {
  EXECUTION_TRANSITIONS,
  type ExecutionEvent,
  type ExecutionStatus,
  isLive,
} from "../../../domain/execution/state.ts";
import type { JobId, ProviderId } from "../../../domain/ids.ts";
import { expectSound } from "../../testing/sound.ts";
import { GPU_MODEL, openWorld, type World } from "../../testing/world.ts";
import { extendJob } from "../job/extend-job.ts";
import { rentGpu } from "../job/rent-gpu.ts";
import { stopJob } from "../job/stop-job.ts";
import { reconcileExecution } from "./reconcile-execution.ts";
import { sweepDueExecutions, sweepOrphans } from "./sweep-executions.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const pick = fc.nat(1_000);
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("rent" as const),
      who: fc.nat(2),
      gpus: fc.integer({ min: 0, max: 3 }),
      hours: fc.integer({ min: 1, max: 3 }),
      key: fc.option(fc.nat(3), { nil: null }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("ring" as const), which: pick }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("sweep" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("stop" as const), which: pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("extend" as const), which: pick }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("pass" as const),
      ms: fc.oneof(fc.integer({ min: 0, max: 30_000 }), fc.integer({ min: 60_000, max: 5_400_000 })),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("silence" as const), which: fc.nat(1) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("return" as const), which: fc.nat(1) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("end" as const),
      which: pick,
      cause: fc.constantFrom(...END_CAUSES),
      code: fc.constantFrom(0, 1, null),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("vanish" as const), which: pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("slow" as const), slow: fc.boolean() }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

test("over random histories no GPU has two holders, the books balance, and every change of status is one the table has", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 45 }), async (steps) => {
      await world.db.execute(
        sql`truncate accounts, providers, gpus, offers, jobs, executions, holds, postings, entries, events, idempotency, provider_presence cascade`,
      );
      world.deps.cluster.seen.clear();
      world.deps.cluster.specs.clear();
      world.rings.length = 0;
      const providers = [
        await world.provider({ gpus: 2, perGpuHour: 100_001n }),
        await world.provider({ gpus: 3, perGpuHour: 99_999n }),
      ];
      const renters = [await world.customer(1), await world.customer(2, 3_000_000n), await world.customer(3, 50n)];
      const statuses = new Map<string, ExecutionStatus>();
      for (const each of steps) {
        await take(each, renters, providers);
        await followTable(statuses);
        expect(await expectSound(world.db)).toEqual([]);
      }
      await wind(statuses);
    }),
    { numRuns: 30 },
  );
}, 300_000);

async function take(each: Step, renters: Principal[], providers: ProviderId[]): Promise<void> {
  const { deps, db } = world;
  const jobs = await db.execute<{ id: JobId; account: string; execution: `exec_${string}` }>(
    sql`select id, account, execution_id as execution from jobs order by id`,
  );
  const job = "which" in each ? jobs[each.which % Math.max(1, jobs.length)] : undefined;
  const owner = renters.find((renter) => renter.account === job?.account);
  const now = deps.clock.now();
  try {
    switch (each.do) {
      case "rent": {
        const renter = renters[each.who];
        if (!renter) return;
        const wish = {
          name: "h",
          providerId: null,
          gpuModel: each.gpus > 0 ? GPU_MODEL : null,
          gpuCount: each.gpus,
          cpuCores: 2,
          memoryGb: 8,
          diskGb: 50,
        };
        const key = each.key === null ? null : `key-${each.key}`;
        await rentGpu(
          deps,
          renter,
          {
            ...wish,
            hours: each.hours,
            maxRate: null,
            image: "i",
            template: null,
            minVramMb: 0,
            command: null,
            httpPort: null,
            env: {},
            sshPublicKeys: ["k"],
          },
          { key, request: [each.gpus, each.hours] },
        );
        return;
      }
      case "ring":
        if (job) await reconcileExecution(deps, job.execution);
        return;
      case "sweep":
        await sweepDueExecutions(deps);
        await sweepOrphans(deps);
        await world.settleRings();
        return;
      case "stop":
        if (job && owner) await stopJob(deps, owner, job.id);
        return;
      case "extend":
        if (job && owner) await extendJob(deps, owner, job.id, 1, null);
        return;
      case "pass":
        world.pass(each.ms);
        for (const id of providers) if (!(await isSilent(id))) await world.beat(id);
        return;
      case "silence":
        await setPresence(providers[each.which], "offline", now);
        return;
      case "return":
        await setPresence(providers[each.which], "online", null);
        return;
      case "end":
        if (job && deps.cluster.seen.has(job.execution))
          deps.cluster.seen.set(job.execution, {
            state: "ended",
            exitCode: each.code,
            cause: each.cause,
            detail: "",
            endedAt: now,
          });
        return;
      case "vanish":
        if (job) deps.cluster.seen.delete(job.execution);
        return;
      case "slow":
        deps.cluster.onApply = each.slow
          ? { state: "starting" }
          : { state: "ready", endpoint: { host: "127.0.0.1", port: 30_022, user: "root" } };
    }
  } catch (error) {
    if (!isAppError(error) || error.code === "internal") throw error;
  }
}

/** Time goes on until everything has its end: nothing may rest for ever. */
async function wind(statuses: Map<string, ExecutionStatus>): Promise<void> {
  const [sold] = await world.db.execute<{ ms: number }>(sql`
    select coalesce(max(extract(epoch from expires_at)), 0)::float8 * 1000 as ms from executions where not settled`);
  // Some were extended again and again: first to the last end that was sold, then as long as what starts only now may take.
  const soldSteps = Math.max(0, Math.ceil(((sold?.ms ?? 0) - world.deps.clock.now().getTime()) / 600_000));
  for (let n = 0; n < soldSteps + 40; n++) {
    world.pass(600_000);
    await sweepDueExecutions(world.deps);
    await world.settleRings();
    await sweepOrphans(world.deps);
    await followTable(statuses);
  }
  expect(await expectSound(world.db)).toEqual([]);
  const [left] = await world.db.execute(sql`select
    (select count(*) from executions where not settled)::int as unsettled, (select count(*) from jobs where settled_at is null or reason is null)::int as open,
    (select coalesce(sum(held_cash + held_promotion), 0) from accounts)::text as held, (select count(*) from gpus where execution_id is not null)::int as gpus`);
  expect(left).toEqual({ unsettled: 0, open: 0, held: "0", gpus: 0 });
  expect(world.deps.cluster.seen.size).toBe(0);
}

/** Between two looks an execution may only have gone along cells of the table. */
async function followTable(statuses: Map<string, ExecutionStatus>): Promise<void> {
  const rows = await world.db.execute<{ id: string; status: ExecutionStatus }>(sql`select id, status from executions`);
  for (const { id, status } of rows) {
    const before = statuses.get(id) ?? "scheduled";
    expect(reachable(before)).toContain(status);
    statuses.set(id, status);
  }
}

function reachable(from: ExecutionStatus): Set<ExecutionStatus> {
  const seen = new Set([from]);
  for (const status of seen) {
    const row: Partial<Record<ExecutionEvent, ExecutionStatus>> = EXECUTION_TRANSITIONS[status];
    if (isLive(status)) for (const next of Object.values(row)) seen.add(next);
  }
  return seen;
}

async function isSilent(id: ProviderId): Promise<boolean> {
  const rows = await world.db.execute(sql`select 1 from providers where id = ${id} and presence = 'offline'`);
  return rows.length > 0;
}

async function setPresence(
  id: ProviderId | undefined,
  presence: "online" | "offline",
  since: Date | null,
): Promise<void> {
  if (!id || (presence === "offline" && (await isSilent(id)))) return;
  const at = since ? since.toISOString() : null;
  await world.db.execute(
    sql`update providers set presence = ${presence}, offline_since = ${at}::timestamptz where id = ${id}`,
  );
  await world.db.execute(
    sql`update offers set available = ${presence === "online"}, presence = ${presence}, offline_since = ${at}::timestamptz where provider_id = ${id}`,
  );
  if (presence === "online") await world.beat(id);
}
