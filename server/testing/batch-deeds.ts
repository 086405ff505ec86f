// What customers, machines, owners, operators and the broker itself do in a random history of batch jobs. Being refused is fine.
import { eq, sql } from "drizzle-orm";
import { type Principal, walletPrincipal } from "../../domain/account/principal.ts";
import { isAppError } from "../../domain/errors.ts";
import type { BatchExecutionStatus } from "../../domain/execution/batch-state.ts";
import type { ExecutionId, JobId, ProviderId } from "../../domain/ids.ts";
import { providerPresence, providers } from "../../drizzle/schema/provider.ts";
import { BatchBody } from "../../protocol/batch.ts";
import type { ResultReport } from "../../protocol/results.ts";
import type { Deps } from "../deps.ts";
import { wakeByNews } from "../repos/presence.ts";
import { cancelBatch } from "../usecases/batch/cancel-batch.ts";
import { dispatchBatch } from "../usecases/batch/dispatch-batch.ts";
import { submitBatch } from "../usecases/batch/submit-batch.ts";
import { sweepBatch } from "../usecases/batch/sweep-batch.ts";
import { takeResults } from "../usecases/batch/take-results.ts";
import { sweepDueExecutions } from "../usecases/execution/sweep-executions.ts";
import { stopJob } from "../usecases/job/stop-job.ts";
import { changePrice } from "../usecases/provider/change-price.ts";
import { approveProvider, suspendProvider } from "../usecases/provider/decide-admission.ts";
import { drainProvider } from "../usecases/provider/drain-provider.ts";
import { removeProvider } from "../usecases/provider/remove-provider.ts";
import { sweepSilentProviders } from "../usecases/provider/sweep-silent-providers.ts";
import {
  anyAnswer,
  anyWish,
  below,
  type Chance,
  type Character,
  type ComparatorKind,
  LIE,
  oneOf,
} from "./batch-chance.ts";
import type { Fleet } from "./batch-world.ts";
import { type LifeWorld, OPERATOR } from "./life.ts";

/** As it stands between two steps. */
export interface SeenRun {
  readonly id: ExecutionId;
  readonly jobId: JobId;
  readonly providerId: ProviderId;
  readonly status: BatchExecutionStatus;
  readonly kind: ComparatorKind;
}
export interface SeenJob {
  readonly id: JobId;
  readonly account: string;
  readonly decided: boolean;
}

export interface Cast {
  readonly life: LifeWorld;
  readonly fleet: Fleet;
  readonly chance: Chance;
  readonly customers: readonly Principal[];
  readonly owners: readonly string[];
  readonly characters: Map<ProviderId, Character>;
  /** whether liars tell the same lie */
  readonly colluding: boolean;
  readonly silent: Set<ProviderId>;
  /** what was delivered, to be delivered again */
  readonly sent: Map<ExecutionId, ResultReport>;
  readonly submits: { keys: number };
  jobs: readonly SeenJob[];
  runs: readonly SeenRun[];
}

/** Chosen with all it is about, so that it can be done twice. */
export interface Deed {
  readonly name: string;
  readonly run: (deps: Deps) => Promise<unknown>;
}

/** All of them to their ends, and the first failure then: none of them goes on behind the next step's back. */
export async function together(works: readonly Promise<unknown>[]): Promise<void> {
  for (const one of await Promise.allSettled(works)) if (one.status === "rejected") throw one.reason;
}

export async function attempt(work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!isAppError(error) || error.code === "internal") throw error;
  });
}

type Choice = (cast: Cast) => Deed["run"] | null;

const submit: Choice = ({ chance, customers, submits }) => {
  const customer = oneOf(chance, customers);
  submits.keys += 1;
  const key = `key-${submits.keys}`;
  const body = BatchBody.parse(anyWish(chance, key));
  const times = chance() < 0.2 ? 2 : 1;
  if (!customer) return null;
  return (deps) => together(Array.from({ length: times }, () => submitBatch(deps, customer, body, key)));
};

const give: Choice = () => dispatchBatch;

export function liveRuns({ runs }: Cast): readonly SeenRun[] {
  return runs.filter(({ status }) => status === "scheduled" || status === "running");
}

export function reportOf(cast: Cast, run: SeenRun, from: ProviderId = run.providerId): ResultReport {
  const { chance, characters, colluding, fleet } = cast;
  const lie = colluding ? LIE : `${LIE} of ${from}`;
  const report = fleet.report(
    { ...run, providerId: from },
    anyAnswer(chance, characters.get(from) ?? "honest", run.kind, lie),
  );
  if (from === run.providerId && !cast.sent.has(run.id)) cast.sent.set(run.id, report);
  return report;
}

const answer: Choice = (cast) => {
  const { chance, characters } = cast;
  const live = liveRuns(cast).filter(({ providerId }) => characters.get(providerId) !== "slow" || chance() < 0.2);
  const first = oneOf(chance, live);
  if (!first) return null;
  const { providerId } = first;
  const all = chance() < 0.5 ? live.filter((run) => run.providerId === providerId) : [first];
  const reports = all.map((run) => reportOf(cast, run));
  if (chance() < 0.1) reports.push(...reports);
  return (deps) => takeResults(deps, providerId, reports);
};

/** Late, twice, or another result than before. */
const answerAgain: Choice = (cast) => {
  const run = oneOf(cast.chance, cast.runs);
  if (!run) return null;
  const report = (cast.chance() < 0.5 && cast.sent.get(run.id)) || reportOf(cast, run);
  return (deps) => takeResults(deps, run.providerId, [report]);
};

/** Of another's execution, or with another's signature. */
const answerFalsely: Choice = (cast) => {
  const { chance, fleet } = cast;
  const [run, other] = [oneOf(chance, liveRuns(cast)), oneOf(chance, fleet.machines)];
  if (!run || !other) return null;
  const { signature } = reportOf(cast, run, other);
  const forged = { ...fleet.report(run), signature };
  if (chance() < 0.7) return (deps) => takeResults(deps, other, [forged]);
  return (deps) => takeResults(deps, run.providerId, [forged]);
};

const begin: Choice = (cast) => {
  const run = oneOf(cast.chance, liveRuns(cast));
  if (!run) return null;
  const { id, providerId } = run;
  return ({ db, clock }) => {
    const started = [{ id, at: clock.now().toISOString() }];
    return db.transaction((tx) =>
      wakeByNews(tx, [{ providerId, changed: [id], reported: null, started }], clock.now()),
    );
  };
};

const cancel: Choice = ({ chance, customers, jobs }) => {
  const job = oneOf(chance, chance() < 0.8 ? jobs.filter(({ decided }) => !decided) : jobs);
  const customer = customers.find(({ account }) => account === job?.account);
  const who = chance() < 0.1 ? oneOf(chance, customers) : customer;
  return job && who ? (deps) => cancelBatch(deps, who, job.id) : null;
};

const sweep: Choice = () => sweepBatch;
const sweepAll: Choice =
  ({ life }) =>
  async (deps) => {
    await sweepSilentProviders(deps);
    await sweepBatch(deps);
    await sweepDueExecutions(deps);
    await life.settleRings();
  };

const silence: Choice = ({ chance, fleet, silent }) => {
  const id = oneOf(chance, fleet.machines);
  return async () => id && silent.add(id);
};
const back: Choice = ({ chance, fleet, silent, life }) => {
  const id = oneOf(chance, silent.size > 0 ? [...silent] : fleet.machines);
  if (!id) return null;
  return async () => {
    silent.delete(id);
    await life.back(id);
  };
};

/** It acts on the newest desired set, and has nothing of it. */
const forget: Choice = ({ chance, fleet }) => {
  const id = oneOf(chance, fleet.machines);
  if (!id) return null;
  return ({ db, clock }) =>
    db
      .update(providerPresence)
      .set({
        lastSeenAt: clock.now(),
        report: [],
        reportedGeneration: sql`(select generation from providers where id = ${id})`,
      })
      .where(eq(providerPresence.providerId, id));
};

const ofOwner =
  (what: (deps: Deps, owner: Principal, id: ProviderId, chance: number) => Promise<unknown>): Choice =>
  ({ chance, fleet }) => {
    const [id, share] = [oneOf(chance, fleet.machines), chance()];
    if (!id) return null;
    return async (deps) => {
      const [row] = await deps.db.select({ owner: providers.owner }).from(providers).where(eq(providers.id, id));
      await what(deps, walletPrincipal(row?.owner ?? ""), id, share);
    };
  };
const drain = ofOwner((deps, owner, id) => drainProvider(deps, owner, id, true));
const resume = ofOwner((deps, owner, id) => drainProvider(deps, owner, id, false));
const remove = ofOwner((deps, owner, id) => removeProvider(deps, owner, id));
const price = ofOwner((deps, owner, id, share) =>
  changePrice(deps, owner, id, { price_per_gpu_hour: BigInt(Math.floor(share * 900_000)), price_per_cpu_hour: 9_000n }),
);
const suspend = ofOwner((deps, _owner, id) => suspendProvider(deps, OPERATOR, id, "enough"));
/** Also lifts a quarantine. */
const approve = ofOwner((deps, _owner, id) => approveProvider(deps, OPERATOR, id));

const join: Choice = (cast) => {
  const owner = oneOf(cast.chance, cast.owners);
  const character = anyCharacter(cast.chance);
  return async () => {
    cast.characters.set(await cast.fleet.add(owner === undefined ? {} : { owner }), character);
  };
};

export function anyCharacter(chance: Chance): Character {
  return (
    oneOf<Character>(chance, ["honest", "honest", "honest", "honest", "liar", "liar", "broken", "slow"]) ?? "honest"
  );
}

const rent: Choice = ({ chance, customers, life }) => {
  const renter = oneOf(chance, customers);
  const size = { gpuCount: 1 + below(chance, 2), cpuCores: 1, memoryGb: 4, diskGb: 10, hours: 1 };
  return renter ? () => life.rent(renter, size) : null;
};
const stopRental: Choice = () => async (deps) => {
  const [job] = await deps.db.execute<{ id: JobId; account: string }>(
    sql`select id, account from jobs where settled_at is null order by id limit 1`,
  );
  if (job) await stopJob(deps, walletPrincipal(job.account), job.id);
};

const CHOICES: Readonly<Record<string, readonly [weight: number, choice: Choice]>> = {
  ...{ submit: [12, submit], give: [9, give], answer: [26, answer], answerAgain: [4, answerAgain] },
  ...{ answerFalsely: [2, answerFalsely], begin: [5, begin], cancel: [2, cancel], sweep: [5, sweep] },
  ...{ sweepAll: [3, sweepAll], silence: [1, silence], back: [2, back], forget: [1, forget], drain: [1, drain] },
  ...{ resume: [2, resume], remove: [1, remove], price: [1, price], suspend: [0.5, suspend], approve: [2, approve] },
  ...{ join: [1, join], rent: [1, rent], stopRental: [1, stopRental] },
};
const ALL = Object.values(CHOICES).reduce((sum, [weight]) => sum + weight, 0);

export function anyDeed(cast: Cast): Deed {
  let at = cast.chance() * ALL;
  for (const [name, [weight, choice]] of Object.entries(CHOICES)) {
    at -= weight;
    if (at >= 0) continue;
    const run = choice(cast);
    if (run) return { name, run };
    break;
  }
  return { name: "give", run: dispatchBatch };
}
