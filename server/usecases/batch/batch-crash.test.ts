// A web killed with SIGKILL before each statement of taking the deciding result: whoever hears it again decides it once.
import { spawn } from "node:child_process";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { sql } from "drizzle-orm";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Fleet, openFleet } from "../../testing/batch-world.ts";
import { expectSound } from "../../testing/sound.ts";
import { openWorld, type World } from "../../testing/world.ts";
import { dispatchBatch } from "./dispatch-batch.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const CHILD = `${ROOT}node_modules/.cache/berth/batch-crash-child-${process.pid}.mjs`;
/** More than it ever takes: reaching it means that the end was never reached. */
const MOST_STATEMENTS = 60;

let world: World;
let fleet: Fleet;
beforeAll(async () => {
  await build({
    entryPoints: [`${ROOT}server/testing/batch-crash-child.ts`],
    outfile: CHILD,
    ...{ bundle: true, platform: "node", format: "esm", packages: "external", logLevel: "error" },
  });
  world = await openWorld();
  fleet = await openFleet(world, 5);
});
afterAll(async () => {
  await rm(CHILD, { force: true });
  await world[Symbol.asyncDispose]();
});

test("killed before any statement of the deciding result, the job is decided, paid and scored exactly once", async () => {
  const customer = await world.customer(1);
  let killed = 0;
  for (let statement = 1; ; statement++) {
    expect(statement).toBeLessThan(MOST_STATEMENTS);
    const id = await fleet.submit(customer);
    expect(await dispatchBatch(world.deps)).toBe(2);
    world.pass(2_000);
    const [first, deciding] = await fleet.live(id);
    if (!first || !deciding) throw new Error("a job has two copies");
    await fleet.deliver(first);
    const report = JSON.stringify(fleet.report(deciding));
    const at = world.deps.clock.now().toISOString();
    const end = await crashing([world.url, deciding.providerId, report, String(statement), at]);
    expect(await expectSound(world.db)).toEqual([]);
    expect(await fleet.deliver(deciding)).toBe("accepted");
    expect(await expectSound(world.db)).toEqual([]);
    const [left] = await world.db.execute(sql`select status, verdict->>'kind' as verdict,
      (select count(*)::int from postings p where p.job_id = j.id and p.kind = 'charge') as charges,
      (select sum(delta)::int from reputation_events r where r.job_id = j.id) as score from batch_jobs j where id = ${id}`);
    expect(left).toEqual({ status: "completed", verdict: "accepted", charges: 1, score: 10 });
    if (end === "arrived") break;
    killed += 1;
  }
  expect(killed).toBeGreaterThan(15);
}, 240_000);

function crashing(args: readonly string[]): Promise<"killed" | "arrived"> {
  return new Promise((resolve, reject) => {
    const web = spawn(process.execPath, [CHILD, ...args], { stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    web.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    web.on("exit", (code, signal) => {
      if (signal === "SIGKILL") resolve("killed");
      else if (code === 0) resolve("arrived");
      else reject(new Error(`it failed: ${stderr}`));
    });
  });
}
