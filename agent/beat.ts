// The heartbeat that is the long poll: say how things are, wait for what should be, make it so, say it again.
import { randomBytes } from "node:crypto";
import type { ProviderId } from "../domain/ids.ts";
import type { HeartbeatAnswer } from "../protocol/agent.ts";
import { type BrokerClient, BrokerError } from "./broker-client.ts";
import type { Machine } from "./detect.ts";
import type { Log } from "./log.ts";
import { type Backoff, backoffMs, createPace, rest } from "./pace.ts";
import { reconcile } from "./reconcile.ts";
import type { Runtime } from "./runtimes/runtime.ts";
import type { Sequence } from "./sequence.ts";
import type { Usage } from "./usage.ts";

export const AGENT_VERSION = "0.1.0";
/** Of this run of the agent: two at once with one identity are told apart by it. */
const INSTANCE = randomBytes(16).toString("hex");
const WAIT_SECONDS = 25;
const TROUBLE: Backoff = { firstMs: 500, capMs: 30_000 };
const REFUSED: Backoff = { firstMs: 10_000, capMs: 30_000 };

export interface BeatDeps {
  readonly broker: BrokerClient;
  readonly providerId: ProviderId;
  readonly runtime: Runtime;
  readonly machine: Machine;
  readonly usage: () => Promise<Usage>;
  readonly sequence: Sequence;
  readonly log: Log;
  /** Only tests say otherwise: retries after trouble, and after a refusal. */
  readonly backoff?: { readonly trouble: Backoff; readonly refused: Backoff };
}

/**
 * Beats until stopped. One request is in flight at a time; news on the machine cuts its wait short. Whatever the broker
 * does, executions keep running and the next beat comes.
 */
export function startBeating(deps: BeatDeps): { stop(): Promise<void> } {
  const { broker, providerId, runtime, machine, usage, sequence, log } = deps;
  const { trouble, refused } = deps.backoff ?? { trouble: TROUBLE, refused: REFUSED };
  const stopping = new AbortController();
  const pace = createPace();
  let cut: AbortController | undefined;
  let generation = 0;
  let failures = 0;
  let joined = false;
  runtime.onNews(() => cut?.abort());

  /** @returns undefined where news came before the answer */
  async function beatOnce(): Promise<HeartbeatAnswer | undefined> {
    const seq = await sequence.next();
    const used = await usage();
    const mine = new AbortController();
    cut = mine; // from here on news aborts: what is listed below may be old already
    const beat = {
      seq,
      agent_version: AGENT_VERSION,
      instance: INSTANCE,
      machine,
      usage: used,
      executions: runtime.list(),
      generation,
    };
    try {
      const signal = AbortSignal.any([mine.signal, stopping.signal]);
      return await broker.beat(providerId, beat, WAIT_SECONDS, signal);
    } catch (error) {
      if (mine.signal.aborted || stopping.signal.aborted) return undefined;
      throw error;
    } finally {
      cut = undefined;
    }
  }

  async function retryLater(error: unknown): Promise<void> {
    const said = error instanceof BrokerError ? error : undefined;
    const jittered = backoffMs(said?.refused ? refused : trouble, failures, Math.random());
    const delayMs = Math.min(60_000, Math.max(100, jittered, said?.retryAfterMs ?? 0));
    failures += 1;
    log.warn({ err: error, failures, delayMs: Math.round(delayMs) }, "no beat; executions keep running");
    await rest(delayMs, stopping.signal);
  }

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      await pace.take(stopping.signal);
      try {
        const answer = await beatOnce();
        if (!answer) continue;
        await reconcile(runtime, answer, log, Date.now());
        generation = answer.generation;
        if (!joined || failures > 0) log.info({ provider: providerId, failures }, "the broker answers");
        joined = true;
        failures = 0;
      } catch (error) {
        await retryLater(error);
      }
    }
  }

  const done = loop();
  return {
    async stop() {
      stopping.abort();
      await done;
    },
  };
}
