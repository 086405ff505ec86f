// The seed's Redis Streams: which stream goes to which use case. No rule lives in this file.
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { HEARTBEAT_STREAM, PARKED_STREAM, REGISTRATION_STREAM, responseStream } from "../protocol/streams.ts";
import {
  type ConsumerTiming,
  consume,
  type StreamEntry,
  type StreamNews,
  type Verdict,
} from "../server/adapters/streams/consumer.ts";
import { openPublisher } from "../server/adapters/streams/publisher.ts";
import type { Deps } from "../server/deps.ts";
import { metrics } from "../server/metrics.ts";
import { answerTickets } from "../server/usecases/stream/answer-tickets.ts";
import { isHealthy } from "../server/usecases/stream/healthy.ts";
import type { Outcome } from "../server/usecases/stream/message.ts";
import { takeHeartbeats } from "../server/usecases/stream/take-heartbeats.ts";
import { takeRegistrations } from "../server/usecases/stream/take-registrations.ts";

const GROUP = "berth";
const TICKETS_EVERY_MS = 1_000;

interface Consumed {
  readonly stream: string;
  /** entries decided together */
  readonly batch: number;
  readonly take: (deps: Deps, entries: readonly StreamEntry[]) => Promise<readonly Outcome[]>;
}

const STREAMS: readonly Consumed[] = [
  { stream: REGISTRATION_STREAM, batch: 25, take: takeRegistrations },
  { stream: HEARTBEAT_STREAM, batch: 250, take: takeHeartbeats },
];

export interface StreamsOptions {
  readonly redisUrl: string;
  /** of this worker; made unique here */
  readonly name: string;
  readonly timing?: Partial<ConsumerTiming>;
}

/** Consumes the streams until closed. Any number of workers may; Redis may come and go. */
export function startStreams(deps: Deps, { redisUrl, name, timing }: StreamsOptions): { close(): Promise<void> } {
  const unique = `${name}:${randomBytes(4).toString("hex")}`;
  const consumers = STREAMS.map(({ stream, batch, take }) =>
    consume({
      redisUrl,
      stream,
      group: GROUP,
      name: unique,
      parked: PARKED_STREAM,
      batch,
      handle: async (entries) => (await take(deps, entries)).map(toVerdict),
      healthy: () => isHealthy(deps),
      log: deps.log,
      news: countOf(stream),
      ...(timing ? { timing } : {}),
    }),
  );
  const tickets = sendTickets(deps, redisUrl);
  return {
    async close() {
      await Promise.all([...consumers.map((consumer) => consumer.close()), tickets.close()]);
    },
  };
}

function toVerdict({ id, response, refused }: Outcome): Verdict {
  return {
    id,
    ...(response ? { publish: { to: responseStream(response.to), data: JSON.stringify(response.data) } } : {}),
    ...(refused ? { park: { reason: refused, deliveries: 1 } } : {}),
  };
}

function countOf(stream: string): StreamNews {
  return {
    settled({ park }) {
      metrics.streamConsumed.inc({ stream });
      if (park) metrics.streamRefused.inc({ stream, reason: park.reason });
    },
    claimed: (count) => metrics.streamClaimed.inc({ stream }, count),
    backlog({ pending, unread }) {
      metrics.streamPending.set({ stream }, pending);
      metrics.streamLag.set({ stream }, unread);
    },
  };
}

function sendTickets(deps: Deps, redisUrl: string): { close(): Promise<void> } {
  const publisher = openPublisher(redisUrl, deps.log);
  const closing = new AbortController();
  let failed = false;
  const sweep = async () => {
    try {
      await answerTickets(deps, (to, response) => publisher.publish(responseStream(to), JSON.stringify(response)));
      failed = false;
    } catch (error) {
      if (!failed) deps.log.warn({ err: error }, "join commands wait to be sent on the streams");
      failed = true;
    }
  };
  const sweeping = (async () => {
    while (!closing.signal.aborted) {
      await sweep();
      await delay(TICKETS_EVERY_MS, undefined, { signal: closing.signal }).catch(() => {});
    }
  })();
  return {
    async close() {
      closing.abort();
      await sweeping;
      publisher.close();
    },
  };
}
