// `drain`: the owner at the machine says that it takes no new work, signed as a beat is.
import os from "node:os";
import { BrokerError, createBrokerClient } from "../broker-client.ts";
import { ConfigError, readConfig, resolveConfig } from "../config.ts";
import { openIdentity, readProviderId } from "../identity.ts";
import type { Paths } from "../paths.ts";
import { openSequence } from "../sequence.ts";
import type { Print } from "./enrol.ts";

const TRIES = 5;

/** The running agent and this command draw from one sequence; a beat that overtakes costs another try. */
export async function drainCommand(paths: Paths, draining: boolean, print: Print): Promise<void> {
  const { dataDir } = paths;
  const providerId = await readProviderId(dataDir);
  const stored = await readConfig(paths);
  if (!providerId || !stored) throw new ConfigError(`${dataDir} holds no enrolled machine: nothing to drain`);
  const { broker } = resolveConfig({}, stored, os.hostname());
  const client = createBrokerClient(broker, await openIdentity(dataDir));
  const sequence = await openSequence(dataDir);
  for (let left = TRIES; ; left--) {
    try {
      const { draining: now, live_executions: live } = await client.drain(providerId, {
        seq: await sequence.next(),
        draining,
      });
      print(now ? describeDrain(live) : "It takes work again.");
      return;
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code !== "stale-sequence" || left <= 1) throw error;
      if (left < TRIES) await sequence.jump(1e9); // not overtaken, then: the broker knows far higher numbers
    }
  }
}

function describeDrain(live: number): string {
  if (live === 0) return "It takes no new work, and nothing runs here: it can be switched off.";
  const what = live === 1 ? "1 execution runs" : `${live} executions run`;
  return `It takes no new work. ${what} here to the end: see berth-agent status. Take work again: berth-agent drain --resume.`;
}
