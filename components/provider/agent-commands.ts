// The commands that make a machine a provider, word for word as they are pasted into its shell.
import type { Runtime } from "../../domain/provider/state.ts";
import { toMoney } from "../market/query.ts";

/** What an agent runs jobs with; third-party workers have no agent of ours. */
export type MachineRuntime = Exclude<Runtime, "external">;

export interface MachineWish {
  readonly runtime: MachineRuntime;
  readonly name: string;
  readonly region: string;
  readonly host: string;
  readonly pricePerGpuHour: string;
}

/** What the page knows of the broker. */
export interface BrokerFacts {
  readonly url: string;
  readonly demo: boolean;
  /** machines can join a Kubernetes cluster */
  readonly hasCluster: boolean;
  /** the agent's one file can be fetched from here */
  readonly servesAgent: boolean;
}

export interface AgentCommands {
  /** how to get the agent, in order */
  readonly get: readonly string[];
  readonly enrol: string;
  readonly install: string;
  /** runs it in the shell instead of as a service */
  readonly start: string;
}

/** A word as every POSIX shell takes it. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_.:/@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The `process` runtime lives in a checkout of Berth; the others need one file. */
export function agentCommands(wish: MachineWish, broker: BrokerFacts, token: string): AgentCommands {
  const alone = wish.runtime !== "process" && broker.servesAgent;
  const program = alone ? "node berth-agent.mjs" : "node dist/agent.mjs";
  const given: readonly (readonly [string, string])[] = [
    ["--broker", broker.url],
    ["--token", token],
    ["--price-per-gpu-hour", toMoney(wish.pricePerGpuHour)],
    ["--name", wish.name],
    ["--region", wish.region],
    ["--host", wish.host],
    ["--runtime", wish.runtime],
  ];
  const flags = given
    .filter(([, value]) => value.trim() !== "")
    .map(([flag, value]) => `${flag} ${shellWord(value.trim())}`)
    .join(" ");
  return {
    get: alone
      ? [`curl -fsSLo berth-agent.mjs ${shellWord(`${broker.url}/berth-agent.mjs`)}`]
      : broker.demo
        ? []
        : ["npm ci && npm run build"],
    enrol: `sudo ${program} enrol ${flags}`,
    install: `sudo ${program} install`,
    start: `${program} start ${flags}`,
  };
}
