// Sends what executions write to the broker, a part at a time, apart from the beats: they never wait for it.
import { type ExecutionId, isId, type ProviderId } from "../domain/ids.ts";
import { type BrokerClient, BrokerError } from "./broker-client.ts";
import type { Log } from "./log.ts";
import { type Backoff, rest } from "./pace.ts";
import type { Runtime } from "./runtimes/runtime.ts";
import { startSending } from "./sending.ts";
import type { Sequence } from "./sequence.ts";

const LOOK_EVERY_MS = 1000;
/** Of all executions together: under what the broker takes of one machine in a minute. */
const MOST_AT_ONCE = 3;
const TROUBLE: Backoff = { firstMs: 1000, capMs: 60_000 };

export interface LogSenderDeps {
  readonly broker: Pick<BrokerClient, "reportLogs">;
  readonly providerId: ProviderId;
  readonly runtime: Pick<Runtime, "list" | "log">;
  readonly sequence: Pick<Sequence, "next">;
  readonly log: Log;
  /** Only tests say otherwise. */
  readonly lookEveryMs?: number;
  readonly trouble?: Backoff;
}

/** Sends until stopped, and at the stop what is left, as far as that goes quickly. */
export function startSendingLogs(deps: LogSenderDeps): { stop(): Promise<void> } {
  const { broker, providerId, runtime, sequence, log, lookEveryMs = LOOK_EVERY_MS, trouble = TROUBLE } = deps;
  /** Where each goes on, as the broker said; `refused` where it wants no more of it. */
  const places = new Map<ExecutionId, number | "refused" | "unknown">();
  let turn = 0;

  /** @returns whether a request was made */
  async function sendNext(id: ExecutionId, signal: AbortSignal): Promise<boolean> {
    const place = places.get(id) ?? "unknown";
    if (place === "refused") return false;
    const part = await runtime.log(id, place === "unknown" ? 0 : place);
    if (!part) return false;
    const report = place === "unknown" ? { offset: 0, text: "" } : part;
    try {
      const next = await broker.reportLogs(providerId, id, { seq: await sequence.next(), ...report }, signal);
      if (place !== "unknown" && next <= place) throw new Error("the broker takes the log and does not go on");
      places.set(id, next);
    } catch (error) {
      if (!(error instanceof BrokerError) || (error.status !== 404 && error.status !== 409)) throw error;
      log.warn({ err: error, execution: id }, "the broker wants no more of this log");
      places.set(id, "refused");
    }
    return true;
  }

  /** Everybody gets a turn to be first. @returns how many requests were made */
  async function round(signal: AbortSignal): Promise<number> {
    const listed = new Set(runtime.list().flatMap(({ id }) => (isId("exec", id) ? [id] : [])));
    for (const id of listed) if (!places.has(id)) places.set(id, "unknown");
    const ids = [...places.keys()];
    turn += 1;
    let made = 0;
    for (const at of ids.keys()) {
      const id = ids[(at + turn) % ids.length];
      if (id === undefined) continue;
      let more = true;
      while (more && made < MOST_AT_ONCE && !signal.aborted) {
        more = await sendNext(id, signal);
        if (more) made += 1;
      }
      if (!more && !listed.has(id)) places.delete(id);
    }
    return made;
  }

  return startSending({
    round: async (signal) => {
      await round(signal);
      await rest(lookEveryMs, signal);
    },
    farewell: async (signal) => {
      while (!signal.aborted && (await round(signal)) > 0);
    },
    ...{ trouble, retry: { leastMs: 100, mostMs: 120_000 }, log },
    away: "logs are not sent now; they are kept here, as far as there is room",
  });
}
