// The heartbeat that is the long poll: take the sign of life, wait for a change of what should run, answer all of it.

import { AppError } from "../../../domain/errors.ts";
import type { ExecutionSpec } from "../../../domain/execution/spec.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import { type Admission, providerStatus } from "../../../domain/provider/state.ts";
import type { Heartbeat, HeartbeatAnswer } from "../../../protocol/agent.ts";
import { toWireSpec } from "../../../protocol/execution-spec.ts";
import type { Deps } from "../../deps.ts";
import { desiredTopic, listDesired } from "../../repos/desired.ts";
import { takeBeat } from "./presence-batch.ts";
import { needsSettling, settleReport } from "./settle-report.ts";

export type BeatDeps = Pick<Deps, "db" | "clock" | "ids" | "queue" | "secrets" | "wakes">;

/** Where the broker has turned a provider away, nothing may run. */
const MAY_RUN: readonly Admission[] = ["approved", "pending"];

/**
 * @param waitMs how long to wait where the machine already acts on the newest desired set
 * @throws AppError `stale-sequence`, which changes nothing; `not-found`
 */
export async function beat(
  deps: BeatDeps,
  providerId: ProviderId,
  heartbeat: Heartbeat,
  { waitMs, signal }: { readonly waitMs: number; readonly signal?: AbortSignal },
): Promise<HeartbeatAnswer> {
  const bell = hearBell(deps.wakes, desiredTopic(providerId)); // before anything is read: a change since then rings it
  try {
    const { seq, machine, agent_version: agentVersion, executions: report, generation, usage, instance } = heartbeat;
    const lastSeenAt = deps.clock.now();
    const taken = await takeBeat(deps, {
      ...{ providerId, seq, lastSeenAt, report, usage, instance },
      reportedGeneration: generation,
    });
    const facts = { seq, machine, agentVersion };
    if (needsSettling(taken, facts)) await settleReport(deps, providerId, facts);
    if (taken.provider.generation === generation) await bell.rung(waitMs, signal);
    return await answer(deps, providerId);
  } finally {
    bell.stop();
  }
}

async function answer({ db, clock, secrets }: BeatDeps, providerId: ProviderId): Promise<HeartbeatAnswer> {
  const desired = await listDesired(db, providerId);
  if (!desired) throw new AppError("not-found", "the provider does not exist");
  const wanted = MAY_RUN.includes(desired.admission) ? desired.wanted : [];
  return {
    now: clock.now().toISOString(),
    status: providerStatus(desired.admission, desired.presence, desired.drain),
    notices: [],
    join: null,
    generation: desired.generation,
    executions: wanted.map(({ sealedSpec, expiresAt }) => {
      const spec: ExecutionSpec = JSON.parse(secrets.open(sealedSpec)); // sealed by us, from this type
      return toWireSpec(spec, expiresAt);
    }),
  };
}

/** Remembers a wake that comes before anybody waits for it. */
function hearBell(wakes: Deps["wakes"], topic: string) {
  let rang = false;
  let wakeUp = () => {};
  const unsubscribe = wakes.subscribe(topic, () => {
    rang = true;
    wakeUp();
  });
  return {
    async rung(ms: number, signal?: AbortSignal): Promise<void> {
      if (rang || ms <= 0 || signal?.aborted) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        const done = () => {
          clearTimeout(timer);
          resolve();
        };
        wakeUp = done;
        signal?.addEventListener("abort", done, { once: true });
      });
    },
    stop: unsubscribe,
  };
}
