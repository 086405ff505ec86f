// Joining the broker's Kubernetes cluster: the broker gives fields, this file checks them and builds kubeadm's arguments
// itself. Nothing that a broker wrote is ever given to a shell.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { z } from "zod";
import { JoinTicket } from "../protocol/agent.ts";
import { nameOf, readAs } from "../protocol/read.ts";
import { ConfigError } from "./config.ts";
import type { Log } from "./log.ts";

/** What kubeadm leaves on a machine that has joined. */
export const KUBELET_CONFIG = "/etc/kubernetes/kubelet.conf";
const AGAIN_MS = 10 * 60_000;

/** A host and a port, and nothing that kubeadm could take for an option. */
const ApiServer = JoinTicket.shape.api_server.refine((text) => {
  const [, port] = /^(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\]):(\d+)$/.exec(text) ?? [];
  return port !== undefined && Number(port) >= 1 && Number(port) <= 65_535;
}, "host:port is needed");
const Ticket = z.object(JoinTicket.shape).extend({ api_server: ApiServer });

/**
 * @returns kubeadm's arguments, the program first
 * @throws ConfigError naming the field that is not what it must be
 */
export function joinCommand(ticket: JoinTicket): string[] {
  const read = readAs(Ticket, ticket);
  if (read.problems !== null) {
    const fields = read.problems.map(({ path, message }) => `${nameOf(path)}: ${message}`);
    throw new ConfigError(`The broker's fields for joining are refused: ${fields.join("; ")}`);
  }
  const { api_server, token, ca_cert_hash, node_name } = read.data;
  return [
    ...["kubeadm", "join", api_server, "--token", token, "--discovery-token-ca-cert-hash", ca_cert_hash],
    ...["--node-name", node_name],
  ];
}

/** For logs: without the token. */
export function withoutToken(command: readonly string[]): string {
  return command.map((word, i) => (command[i - 1] === "--token" ? "******" : word)).join(" ");
}

/** Runs kubeadm with what it prints on our own output. @returns its exit code */
export function runJoin(command: readonly string[]): Promise<number> {
  const [file = "kubeadm", ...args] = command;
  return new Promise((resolve, reject) => {
    const child: ChildProcess = spawn(file, args, { stdio: ["ignore", "inherit", "inherit"], shell: false });
    child.on("error", (error) => reject(new ConfigError(`${file} cannot be run: ${error.message}`)));
    child.on("exit", (code) => resolve(code ?? 1));
  });
}

/** For `join: automatic`: one attempt per ticket, and the same ticket again after 10 minutes. */
export function createAutoJoin(
  log: Log,
  joined: () => boolean = () => existsSync(KUBELET_CONFIG),
  run: (command: readonly string[]) => Promise<number> = runJoin,
): (ticket: JoinTicket) => void {
  let tried = { token: "", atMs: 0 };
  let running = false;
  return (ticket) => {
    const again = ticket.token === tried.token && performance.now() - tried.atMs < AGAIN_MS;
    if (running || again || joined()) return;
    tried = { token: ticket.token, atMs: performance.now() };
    running = true;
    attempt(ticket).finally(() => {
      running = false;
    });
  };

  async function attempt(ticket: JoinTicket): Promise<void> {
    try {
      const command = joinCommand(ticket);
      log.info({ command: withoutToken(command) }, "joining the cluster");
      const code = await run(command);
      if (code === 0) log.info({ node: ticket.node_name }, "joined the cluster");
      else log.error({ code }, "kubeadm failed; what it printed says why");
    } catch (error) {
      log.error({ err: error }, "the cluster cannot be joined");
    }
  }
}
