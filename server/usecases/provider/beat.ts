// The heartbeat that is the long poll: take the sign of life, wait for a change of what should run, answer all of it.
import type { ProviderId } from "../../../domain/ids.ts";
import type { Heartbeat, HeartbeatAnswer } from "../../../protocol/agent.ts";
import type { Deps } from "../../deps.ts";
import { desiredTopic } from "../../repos/desired.ts";
import { hangBell } from "../bell.ts";
import { answerBeat } from "./answer-beat.ts";
import { hurryBeats, takeBeat } from "./presence-batch.ts";
import { needsSettling, settleReport } from "./settle-report.ts";
import { tellTwoAgents } from "./two-agents.ts";

export type BeatDeps = Pick<Deps, "db" | "clock" | "ids" | "queue" | "secrets" | "wakes" | "nodes">;

/**
 * @param waitMs how long to wait where the machine already acts on the newest desired set
 * @throws AppError `stale-sequence`, which changes nothing; `forbidden` for a machine that was removed; `not-found`
 */
export async function beat(
  deps: BeatDeps,
  providerId: ProviderId,
  heartbeat: Heartbeat,
  { waitMs, signal }: { readonly waitMs: number; readonly signal?: AbortSignal },
): Promise<HeartbeatAnswer> {
  const bell = hangBell(deps.wakes, desiredTopic(providerId)); // before anything is read: a change since then rings it
  try {
    const { seq, machine, agent_version: agentVersion, executions: report, generation, usage, instance } = heartbeat;
    const lastSeenAt = deps.clock.now();
    const facts = { machine, agentVersion };
    const sign = { providerId, seq, lastSeenAt, report, usage, instance, reportedGeneration: generation };
    const stopHurrying = deps.wakes.subscribe(desiredTopic(providerId), () => hurryBeats(deps.db));
    const taken = await takeBeat(deps, sign, facts).finally(stopHurrying);
    if (needsSettling(taken)) await settleReport(deps, providerId, { ...facts, seq });
    if (taken.twoAgents) await tellTwoAgents(deps, providerId);
    if (taken.standing.generation === generation) await bell.heard(waitMs, signal);
    return await answerBeat(deps, providerId, taken);
  } finally {
    bell.stop();
  }
}
