// Answers that no entry asked for right now, put onto a machine's response stream.
import type { Log } from "../../deps.ts";
import { openConnection } from "./connection.ts";
import { publish } from "./settle.ts";

export interface Publisher {
  /** @throws where Redis is away: whoever publishes tries again */
  publish(to: string, data: string): Promise<void>;
  close(): void;
}

export function openPublisher(redisUrl: string, log: Log): Publisher {
  const { redis, close } = openConnection(redisUrl, log);
  return { publish: (to, data) => publish(redis, to, data), close };
}
