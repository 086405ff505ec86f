// Reaching into what an agent runs: by SSH with the broker's own key, under the host key that the broker made. Logs are
// what the agent sent.
import type { BlockList } from "node:net";
import type { Client, ClientChannel } from "ssh2";
import { AppError } from "../../../../domain/errors.ts";
import type { Inside, Log, Wakes, Whereabouts } from "../../../deps.ts";
import type { LogStore } from "../../../repos/logs.ts";
import { sessionOf, socketOf } from "./ssh/channels.ts";
import type { Link, Opened, Way } from "./ssh/link.ts";
import { createLinks } from "./ssh/links.ts";
import { storedLogs } from "./stored-logs.ts";

export interface AgentInsideOptions {
  readonly logs: Pick<LogStore, "read" | "ended">;
  readonly wakes: Wakes;
  readonly log: Log;
  /** private addresses that may be dialled; public ones always may */
  readonly providerAddresses: BlockList;
}

export interface AgentInside extends Inside {
  /** Hangs up everything. */
  close(): void;
}

const TERMINAL = "xterm-256color";

export function agentInside({ logs, wakes, log, providerAddresses }: AgentInsideOptions): AgentInside {
  const links = createLinks(providerAddresses);

  /** @throws AppError; what an SSH server says to a single channel stays its own error */
  async function open(
    at: Whereabouts,
    signal: AbortSignal,
    begin: (client: Client, opened: Opened) => void,
  ): Promise<{ readonly channel: ClientChannel; readonly link: Link }> {
    const way = wayTo(at);
    const unavailable = (cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      log.warn({ execution: at.id, host: way.endpoint.host, port: way.endpoint.port, reason }, "no way into it");
      return new AppError("unavailable", "The provider's machine cannot be reached now.", { cause });
    };
    for (;;) {
      if (signal.aborted) throw new AppError("unavailable", "It was given up.");
      const { link, known } = await links.to(way).catch((error: unknown) => {
        throw unavailable(error);
      });
      try {
        const channel = await link.open(begin);
        if (!signal.aborted) return { channel, link };
        channel.resume().close();
      } catch (error) {
        if (refusalOf(error) !== undefined) throw error;
        links.retire(link); // it does not answer as it should, but others may be at work in it
        if (!known) throw unavailable(error);
      }
    }
  }

  return {
    logs: (at, options) => storedLogs({ logs, wakes }, at.id, options),
    async exec(at, command, { terminal, signal }) {
      const line = shellLine(command);
      const pty = terminal && { term: TERMINAL, cols: terminal.cols, rows: terminal.rows, width: 0, height: 0 };
      const { channel } = await open(at, signal, (client, opened) => {
        client.exec(line, pty ? { pty } : {}, opened);
      }).catch((error: unknown) => {
        if (refusalOf(error) === undefined) throw error;
        log.warn({ execution: at.id, reason: String(error) }, "it refused a session");
        throw new AppError("unavailable", "Too many terminals are open in it.", { cause: error });
      });
      const session = sessionOf(channel, terminal !== null);
      const hangUp = () => session.close();
      signal.addEventListener("abort", hangUp, { once: true });
      session.exit.then(() => signal.removeEventListener("abort", hangUp));
      return session;
    },
    async connect(at, port, signal) {
      const { channel, link } = await open(at, signal, (client, opened) => {
        client.forwardOut("127.0.0.1", 0, "127.0.0.1", port, opened);
      }).catch((error: unknown) => {
        const refusal = refusalOf(error);
        if (refusal === undefined) throw error;
        if (refusal === RESOURCE_SHORTAGE)
          throw new AppError("unavailable", "Too many of its connections are open.", { cause: error });
        throw new AppError("conflict", `Nothing listens on its port ${port}.`, { cause: error });
      });
      const socket = socketOf(channel, () => !link.alive);
      const hangUp = () => socket.destroy();
      signal.addEventListener("abort", hangUp, { once: true });
      socket.once("close", () => signal.removeEventListener("abort", hangUp));
      return socket;
    },
    close: () => links.close(),
  };
}

/** RFC 4254, 5.1. */
const RESOURCE_SHORTAGE = 4;

/** Why an SSH server opened no channel; undefined where it said nothing about it. */
function refusalOf(error: unknown): number | undefined {
  return error instanceof Error && "reason" in error && typeof error.reason === "number" ? error.reason : undefined;
}

/** @throws AppError `conflict` */
function wayTo({ id, endpoint, hostKey, doorKey }: Whereabouts): Way {
  if (!endpoint) throw new AppError("conflict", "It does not run yet: there is nothing to reach into.");
  if (doorKey === null)
    throw new AppError("conflict", "It was rented before there were terminals: reach it with your own SSH.");
  return { id, endpoint, hostKey, doorKey };
}

/** Program and arguments for the login shell of the other side, to which SSH hands one line. */
export function shellLine(command: readonly string[]): string {
  if (command.length === 0 || command.some((word) => word.includes("\0")))
    throw new AppError("bad-request", "That is no command.");
  return `exec ${command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ")}`;
}
