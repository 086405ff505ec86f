// One random history of batch jobs over a real PostgreSQL, by its seed: many things in any order and at once, connections cut in
// the middle, time passing. What is law holds all the while, and in the end nothing is left open.
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { walletPrincipal } from "../../domain/account/principal.ts";
import { formatId } from "../../domain/ids.ts";
import { seeded } from "../../domain/verification/testing.ts";
import { providers } from "../../drizzle/schema/provider.ts";
import type { Deps } from "../deps.ts";
import { recomputeOffers } from "../repos/offers.ts";
import { dispatchBatch } from "../usecases/batch/dispatch-batch.ts";
import { sweepBatch } from "../usecases/batch/sweep-batch.ts";
import { takeResults } from "../usecases/batch/take-results.ts";
import { sweepSilentProviders } from "../usecases/provider/sweep-silent-providers.ts";
import { below, type Chance, oneOf } from "./batch-chance.ts";
import {
  anyCharacter,
  anyDeed,
  attempt,
  type Cast,
  type Deed,
  liveRuns,
  reportOf,
  type SeenRun,
  together,
} from "./batch-deeds.ts";
import { atTheEnd, count, law, look } from "./batch-laws.ts";
import { openFleet } from "./batch-world.ts";
import { type LifeWorld, lifeWorld } from "./life.ts";
import { openScissors, type Scissors } from "./scissors.ts";
import { expectSound } from "./sound.ts";
import { address, type WorldGiven } from "./world.ts";

/** What came of a history. */
export interface HistoryTold {
  readonly steps: number;
  readonly executions: number;
  /** connections that were cut in the middle of a use case */
  readonly faults: number;
  /** how often each kind of verdict came, and `caught` and `recalled` */
  readonly counts: Readonly<Record<string, number>>;
}

export type Histories = Awaited<ReturnType<typeof openHistories>>;

const LEAST_STEPS = 20;
const MORE_STEPS = 25;
/** The engine checks one in ten or fewer: here most decided jobs that may be. */
const CHECKED = 0.2;

/** A world in which histories are played one after the other; open several to play some at once. */
export async function openHistories(given: Pick<WorldGiven, "database"> = {}) {
  let engine: Chance = seeded(0);
  const life = await lifeWorld({
    ...given,
    idsOf: (clock) => ({
      next: (prefix) =>
        formatId(
          prefix,
          clock.now().getTime(),
          Uint8Array.from({ length: 10 }, () => below(engine, 256)),
        ),
      secret: (bytes) => "s".repeat(bytes),
    }),
  });
  const client = postgres(life.url, { max: 10, onnotice: () => {} });
  const scissors = openScissors(life.url);
  return {
    /**
     * What is chosen is the same each time; what happens at once may come in another order.
     * @throws Error that names the seed, the step and the law
     */
    async play(seed: number): Promise<HistoryTold> {
      const trace: string[] = [];
      try {
        engine = seeded(seed ^ 0x5bd1e995);
        // What is remembered of a database is remembered of the object that stands for it.
        const db = drizzle(client);
        const chance = seeded(seed ^ 0x2545f491);
        return await play({ ...life.deps, db, random: () => chance() * CHECKED }, { life, scissors, seed, trace });
      } catch (error) {
        const said = error instanceof Error ? error.message : String(error);
        throw new Error(`history ${seed}, step ${trace.length} (${trace.at(-1) ?? "opening"}): ${said}`, {
          cause: error,
        });
      }
    },
    async close() {
      await scissors.close();
      await client.end({ timeout: 5 });
      await life[Symbol.asyncDispose]();
    },
  };
}

interface Stage {
  readonly life: LifeWorld;
  readonly scissors: Scissors;
  readonly seed: number;
  readonly trace: string[];
}

async function play(deps: Deps, { life, scissors, seed, trace }: Stage): Promise<HistoryTold> {
  const cast = await open(life, seeded(seed));
  const { chance } = cast;
  let seen = await look(cast, new Map());
  let faults = 0;
  const steps = LEAST_STEPS + below(chance, MORE_STEPS);
  const done = async (name: string, work: Promise<unknown>) => {
    trace.push(name);
    await work;
    seen = await look(cast, seen);
  };
  for (let step = 0; step < steps; step++) {
    const kind = chance();
    const deed = anyDeed(cast);
    if (kind < 0.15) {
      const others = Array.from({ length: 1 + below(chance, 4) }, () => (chance() < 0.3 ? deed : anyDeed(cast)));
      const all = [deed, ...others];
      await done(all.map(({ name }) => name).join(" beside "), together(all.map(({ run }) => attempt(run(deps)))));
    } else if (kind < 0.3) {
      const cut = await cutIn(scissors, deps, deed, 1 + below(chance, 16));
      if (cut) faults += 1;
      await done(`${deed.name} ${cut ? "cut and done again" : "done twice"}`, attempt(deed.run(deps)));
    } else if (kind < 0.45) {
      const ms = oneOf(chance, [500, 2_500, 12_000, 31_000, 131_000, 200_000]) ?? 0;
      await done(`${ms} ms pass`, pass(cast, ms));
    } else await done(deed.name, attempt(deed.run(deps)));
    if (step % 4 === 3) law(await expectSound(life.db));
  }
  for (let round = 0; !(await isOver(cast)); round++) {
    law(round < 60 ? [] : ["everything comes to an end"]);
    await done("winding up", wind(cast, deps, round));
  }
  await atTheEnd(cast);
  return { steps, executions: cast.runs.length, faults, counts: await count(cast) };
}

/** @returns whether it was cut before its end */
async function cutIn(scissors: Scissors, deps: Deps, { run }: Deed, nth: number): Promise<boolean> {
  return scissors.cut(nth, (db) => attempt(run({ ...deps, db })));
}

/** Six to nine machines of fewer owners, one of them a customer, and customers of whom one has nearly nothing. */
async function open(life: LifeWorld, chance: Chance): Promise<Cast> {
  await life.empty();
  const rich = await life.customer(1, 900_000_000n);
  const poor = await life.customer(2, 20_000n);
  const wallet = await life.customer(3, 50_000_000n);
  const owners = [rich.account, ...Array.from({ length: 5 + below(chance, 3) }, (_, n) => address(500 + n))];
  const fleet = await openFleet(life, 0);
  const characters: Cast["characters"] = new Map();
  const images = chance() < 0.3;
  for (let n = 0; n < Math.max(owners.length, 6 + below(chance, 4)); n++) {
    const owner = owners[n] ?? oneOf(chance, owners) ?? address(500);
    const cpuCores = 2 + below(chance, 5);
    const perGpuHour = 300_000n + BigInt(below(chance, 200_000));
    const id = await fleet.add({ owner, cpuCores, perGpuHour, gpus: below(chance, 3), sandboxed: chance() < 0.8 });
    characters.set(id, anyCharacter(chance));
    if (!images || chance() < 0.2) continue;
    await life.db.update(providers).set({ runtime: "docker" }).where(sql`id = ${id}`);
    await life.db.transaction((tx) => recomputeOffers(tx, id));
  }
  await life.listen(1_000, fleet.machines);
  const customers = [rich, rich, poor, wallet, { ...walletPrincipal(wallet.account), via: "anonymous" } as const];
  const none = { jobs: [], runs: [], silent: new Set(), sent: new Map(), submits: { keys: 0 } } satisfies Partial<Cast>;
  return { ...none, life, fleet, chance, customers, owners, characters, colluding: chance() < 0.4 };
}

async function pass({ life, fleet, silent }: Cast, ms: number): Promise<void> {
  await life.listen(
    ms,
    fleet.machines.filter((id) => !silent.has(id)),
  );
}

/** Who is asked answers as it always did, and rightly in the end; time goes on. */
async function wind(cast: Cast, deps: Deps, round: number): Promise<void> {
  await dispatchBatch(deps);
  await look(cast, new Map());
  for (const run of liveRuns(cast)) {
    if (cast.chance() < 0.2) continue;
    const said = round < HONEST_FROM ? reportOf(cast, run) : cast.fleet.report(run, RIGHT[run.kind]);
    await takeResults(deps, run.providerId, [said]);
  }
  await pass(cast, round < HONEST_FROM ? 35_000 : 400_000);
  await sweepSilentProviders(deps);
  await sweepBatch(deps);
}

const HONEST_FROM = 6;
const RIGHT = {
  exact: { stdout: "right", runMs: 500 },
  json: { stdout: '{"a":1,"b":[2]}', runMs: 500 },
  numeric: { stdout: "1.0000 right", runMs: 500 },
  files: { files: [{ path: "out/a", content: "right" }], runMs: 500 },
} as const satisfies Record<SeenRun["kind"], unknown>;

async function isOver({ life, jobs }: Cast): Promise<boolean> {
  const recalling = await life.db.execute(sql`select 1 from provider_evidence where recall_after is not null`);
  return jobs.every(({ decided }) => decided) && recalling.length === 0;
}
