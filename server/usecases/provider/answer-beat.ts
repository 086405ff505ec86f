// What a beat is answered: everything that should run there now, and how the machine stands. Read together for all that
// are answered at the same moment.
import { AppError } from "../../../domain/errors.ts";
import type { BatchSpec, ExecutionSpec } from "../../../domain/execution/spec.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import { type Admission, isNode, providerStatus } from "../../../domain/provider/state.ts";
import type { HeartbeatAnswer } from "../../../protocol/agent.ts";
import { toWireBatch, toWireSpec } from "../../../protocol/execution-spec.ts";
import type { Db, Deps } from "../../deps.ts";
import { type Desired, type DesiredBatch, listDesired } from "../../repos/desired.ts";
import { loginAmong } from "../account/registry-logins.ts";
import { joinTicketOf } from "../node/join-ticket.ts";
import { noticesOf } from "./notices.ts";

/** Where the broker has turned a provider away, nothing may run. */
const MAY_RUN: readonly Admission[] = ["approved", "pending"];
const MOST_AT_ONCE = 1000;

export type AnswerDeps = Pick<Deps, "db" | "clock" | "secrets" | "nodes">;

/** @throws AppError `not-found` */
export async function answerBeat(
  deps: AnswerDeps,
  providerId: ProviderId,
  { twoAgents }: { readonly twoAgents: boolean },
): Promise<HeartbeatAnswer> {
  const desired = await desiredOf(deps, providerId);
  if (!desired) throw new AppError("not-found", "the provider does not exist");
  const now = deps.clock.now();
  const { wanted, batch } = MAY_RUN.includes(desired.admission) ? desired : { wanted: [], batch: [] };
  const rentals = wanted.map(({ sealedSpec, expiresAt }) => {
    const spec: ExecutionSpec = JSON.parse(deps.secrets.open(sealedSpec)); // sealed by us, from this type
    return toWireSpec(spec, expiresAt);
  });
  return {
    now: now.toISOString(),
    status: providerStatus(desired.admission, desired.presence, desired.drain),
    notices: noticesOf(desired, { twoAgents, now }),
    join: isNode(desired.runtime) ? await joinTicketOf(deps, providerId) : null,
    generation: desired.generation,
    executions: [...rentals, ...batch.map((one) => toWireBatch(specOf(deps, providerId, one)))],
  };
}

function specOf({ secrets }: AnswerDeps, providerId: ProviderId, one: DesiredBatch): BatchSpec {
  const { sealedEnv, memoryGb, logins, ...shared } = one;
  const env: Record<string, string> = JSON.parse(secrets.open(sealedEnv)); // sealed by us, from this type
  const registryLogin = loginAmong({ secrets }, logins ?? [], one.image);
  return { ...shared, kind: "batch", providerId, memoryMb: memoryGb * 1024, env, registryLogin };
}

type Read = (id: ProviderId) => Promise<Desired | undefined>;

const readers = new WeakMap<Db, Read>();

/** Read after it was asked for, so that an answer never misses a change that its wake told of. */
function desiredOf({ db, clock }: AnswerDeps, id: ProviderId): Promise<Desired | undefined> {
  const read =
    readers.get(db) ??
    gathered(async (ids: readonly ProviderId[]) => {
      const all = await listDesired(db, ids, clock.now());
      return new Map(all.map((one) => [one.id, one]));
    });
  readers.set(db, read);
  return read(id);
}

/** Gathers what is asked for while the last reading runs, or within one turn of the event loop, into one reading. */
function gathered<K, V>(read: (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>): (key: K) => Promise<V | undefined> {
  interface Asking {
    readonly key: K;
    readonly resolve: (value: V | undefined) => void;
    readonly reject: (error: unknown) => void;
  }
  const asking: Asking[] = [];
  let reading = false;

  async function readAll(): Promise<void> {
    while (asking.length > 0) {
      const some = asking.splice(0, MOST_AT_ONCE);
      try {
        const found = await read([...new Set(some.map(({ key }) => key))]);
        for (const { key, resolve } of some) resolve(found.get(key));
      } catch (error) {
        for (const { reject } of some) reject(error);
      }
    }
    reading = false;
  }

  return (key) =>
    new Promise((resolve, reject) => {
      asking.push({ key, resolve, reject });
      if (reading) return;
      reading = true;
      setImmediate(() => void readAll());
    });
}
