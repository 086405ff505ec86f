// Tickets to the cluster that were issued: each is sent on its machine's response stream, and again when it asks again.
import { joinCommand } from "../../../domain/node/join-command.ts";
import { marksOf } from "../../../domain/node/marks.ts";
import { providerStatus } from "../../../domain/provider/state.ts";
import type { StreamResponse } from "../../../protocol/streams.ts";
import type { Deps } from "../../deps.ts";
import { gpusOf } from "../../repos/gpus.ts";
import { markAnswered, type StreamMachine, unansweredTickets } from "../../repos/stream.ts";
import { plainResponse } from "./message.ts";

const MOST_AT_ONCE = 200;

type AnswerDeps = Pick<Deps, "db" | "clock" | "secrets" | "settings" | "log">;
type Ticket = Awaited<ReturnType<typeof unansweredTickets>>[number]["node"];

/**
 * Sends what is not sent yet, then marks it: a worker that dies in between sends it twice, which joins nobody twice.
 * @param publish puts one answer onto the response stream of a machine
 * @returns how many were sent
 */
export async function answerTickets(
  { db, clock, secrets, settings, log }: AnswerDeps,
  publish: (to: string, response: StreamResponse) => Promise<void>,
): Promise<number> {
  const due = await unansweredTickets(db, clock.now(), MOST_AT_ONCE);
  const gpus =
    due.length === 0
      ? []
      : await gpusOf(
          db,
          due.map(({ machine }) => machine.id),
        );
  let sent = 0;
  for (const { machine, node } of due) {
    const model = gpus.find(({ providerId }) => providerId === machine.id)?.model ?? null;
    const response = ticketResponse(machine, node, model, { secrets, settings });
    if (!response || machine.externalId === null || node.tokenId === null) {
      log.warn({ provider: machine.id }, "a ticket to the cluster lacks a field and cannot be sent");
      continue;
    }
    await publish(machine.externalId, response);
    await markAnswered(db, machine.id, node.tokenId);
    sent += 1;
  }
  return sent;
}

function ticketResponse(
  machine: StreamMachine,
  { sealedToken, caHash, apiServer, nodeName }: Ticket,
  gpuModel: string | null,
  { secrets, settings }: Pick<AnswerDeps, "secrets" | "settings">,
): StreamResponse | null {
  if (sealedToken === null || caHash === null || apiServer === null) return null;
  const token = secrets.open(sealedToken);
  const [, host = "", port = ""] = /^\[?([^\]]+)\]?:(\d+)$/.exec(apiServer) ?? [];
  const { "active-jobs": _, ...labels } = marksOf(
    { providerId: machine.id, gpuModel, activeJobs: 0, lastHeartbeatAt: null },
    "open",
  ).labels;
  return {
    ...plainResponse(true, providerStatus(machine.admission, machine.presence, machine.drain), "Join the cluster now."),
    join_token: token,
    join_command: joinCommand({ apiServer, token, caHash, nodeName }),
    master_ip: host,
    master_port: Number(port),
    ca_hash: caHash,
    node_name: nodeName,
    labels: Object.fromEntries(Object.entries(labels).map(([key, value]) => [`${settings.labelPrefix}/${key}`, value])),
  };
}
