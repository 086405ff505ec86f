// The heartbeat that is the long poll: say how things are, wait for what should be, make it so, say it again.
import { randomBytes } from "node:crypto";
import type { ProviderId } from "../domain/ids.ts";
import type { Heartbeat, HeartbeatAnswer } from "../protocol/agent.ts";
import { type BrokerClient, BrokerError, retryDelayMs } from "./broker-client.ts";
import type { Log } from "./log.ts";
import type { MachineWatch } from "./machine-watch.ts";
import { type Backoff, createPace, rest } from "./pace.ts";
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
/** How many numbers are left out after so many refusals in a row as stale: an overtaken message, then a clock set back. */
const JUMPS = [0, 1e6, 1e9, 1e12];

/** What a watcher of the loop learns: for the status file. */
export interface BeatWatcher {
  /** A beat goes out. */
  beating(beat: Heartbeat, at: Date): void;
  answered(answer: HeartbeatAnswer, at: Date): void;
  /** @param delayMs until the next try */
  failed(error: unknown, failures: number, delayMs: number, at: Date): void;
}

export interface BeatDeps {
  readonly broker: BrokerClient;
  readonly providerId: ProviderId;
  readonly runtime: Runtime;
  readonly machine: Pick<MachineWatch, "current" | "look" | "onChange">;
  readonly usage: () => Promise<Usage>;
  readonly sequence: Sequence;
  readonly log: Log;
  readonly watcher?: BeatWatcher;
  /** Only tests say otherwise: retries after trouble, and after a refusal. */
  readonly backoff?: { readonly trouble: Backoff; readonly refused: Backoff };
  /** Only tests say otherwise. */
  readonly waitSeconds?: number;
}

/**
 * Beats until stopped. One request is in flight at a time; news on the machine cuts its wait short. Whatever the broker
 * does, executions keep running and the next beat comes.
 */
export function startBeating(deps: BeatDeps): { stop(): Promise<void> } {
  const { broker, providerId, runtime, machine, usage, sequence, log, watcher, waitSeconds = WAIT_SECONDS } = deps;
  const { trouble, refused } = deps.backoff ?? { trouble: TROUBLE, refused: REFUSED };
  const stopping = new AbortController();
  const pace = createPace();
  const said = createSayOnce(log);
  const known = new Set<string>();
  let cut: AbortController | undefined;
  let generation = 0;
  let failures = 0;
  let stale = 0;
  let joined = false;
  runtime.onNews(() => {
    cut?.abort();
    if (newTrouble(runtime, known)) void machine.look(); // a GPU may be gone
  });
  machine.onChange(() => cut?.abort());

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
      machine: machine.current(),
      usage: used,
      executions: runtime.list(),
      generation,
    };
    watcher?.beating(beat, new Date());
    try {
      const signal = AbortSignal.any([mine.signal, stopping.signal]);
      return await broker.beat(providerId, beat, waitSeconds, signal);
    } catch (error) {
      if (mine.signal.aborted || stopping.signal.aborted) return undefined;
      throw error;
    } finally {
      cut = undefined;
    }
  }

  async function take(answer: HeartbeatAnswer): Promise<void> {
    if ((await reconcile(runtime, answer, log, Date.now())) > 0) void machine.look();
    generation = answer.generation;
    if (!joined || failures > 0) log.info({ provider: providerId, failures }, "the broker answers");
    joined = true;
    failures = 0;
    stale = 0;
    said(answer);
    watcher?.answered(answer, new Date());
  }

  async function retryLater(error: unknown): Promise<void> {
    const problem = error instanceof BrokerError ? error : undefined;
    if (problem?.code === "stale-sequence" && stale < JUMPS.length) {
      if (stale === 1)
        log.warn({ err: error }, "the broker knows a higher number than this machine: going on above it");
      await sequence.jump(JUMPS[stale] ?? 0);
      stale += 1;
      return;
    }
    const delayMs = retryDelayMs(error, problem?.refused ? refused : trouble, failures, {
      leastMs: 100,
      mostMs: 60_000,
    });
    failures += 1;
    log.warn({ err: error, failures, delayMs: Math.round(delayMs) }, "no beat; executions keep running");
    watcher?.failed(error, failures, delayMs, new Date());
    await rest(delayMs, stopping.signal);
  }

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      await pace.take(stopping.signal);
      try {
        const answer = await beatOnce();
        if (answer) await take(answer);
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

/** Whether an execution ended, not seen before, in a way that speaks of the machine. */
function newTrouble(runtime: Runtime, known: Set<string>): boolean {
  const ends = runtime.list().filter((report) => report.state === "ended");
  const fresh = ends.filter(({ id }) => !known.has(id));
  for (const id of known) if (!ends.some((report) => report.id === id)) known.delete(id);
  for (const { id } of fresh) known.add(id);
  return fresh.some(({ cause }) => cause === "start-failed" || cause === "sandbox-missing");
}

/** Status and notices are logged when they change, not with every answer. */
function createSayOnce(log: Log): (answer: HeartbeatAnswer) => void {
  let status: string | undefined;
  let notices: readonly string[] = [];
  return (answer) => {
    if (answer.status !== status) log.info({ from: status, status: answer.status }, "status with the broker");
    for (const notice of answer.notices) if (!notices.includes(notice)) log.warn({ notice }, "notice of the broker");
    status = answer.status;
    notices = answer.notices;
  };
}
