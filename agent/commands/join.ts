// `join`: shows the command that the broker's fields make, and runs it when told to.
import { existsSync } from "node:fs";
import { ConfigError } from "../config.ts";
import { joinCommand, KUBELET_CONFIG, runJoin } from "../join.ts";
import { agentOn } from "../run-lock.ts";
import { readStatus, readTicket } from "../status-file.ts";
import type { Print } from "./enrol.ts";

/** @returns the exit code */
export async function joinCommandLine(
  dataDir: string,
  yes: boolean,
  print: Print,
  { joined, run } = { joined: () => existsSync(KUBELET_CONFIG), run: runJoin },
): Promise<number> {
  if (joined()) {
    print("This machine has joined a cluster already.");
    return 0;
  }
  const ticket = await readTicket(dataDir);
  if (!ticket) throw new ConfigError(await whyNoTicket(dataDir));
  const command = joinCommand(ticket);
  print(
    `The broker wants this machine as ${ticket.node_name} at ${ticket.api_server}; its token ends at ${ticket.expires_at}.`,
  );
  print(`  ${command.join(" ")}`);
  if (!yes) {
    print("Nothing was run. To run it: berth-agent join --yes");
    return 0;
  }
  const code = await run(command);
  print(
    code === 0
      ? "Joined. berth-agent status shows when the broker sees the node."
      : `kubeadm ended with ${code}; what it printed says why.`,
  );
  return code;
}

async function whyNoTicket(dataDir: string): Promise<string> {
  const status = await readStatus(dataDir);
  if (status && status.runtime !== "kubernetes")
    return `This machine serves with the ${status.runtime} runtime: there is no cluster to join.`;
  if ((await agentOn(dataDir)) === undefined)
    return "The agent does not run, and it is the agent that is given the fields for joining: start it first.";
  const answer = status?.answer;
  if (!answer) return "The broker has not answered yet: see berth-agent status.";
  return `The broker gives no fields for joining now (status ${answer.status}). ${answer.notices.join(" ")}`.trim();
}
