// What a machine's agent is handed so that it can join: fields, never a command.
import type { ProviderId } from "../../../domain/ids.ts";
import type { JoinTicket } from "../../../protocol/agent.ts";
import type { Deps } from "../../deps.ts";
import { loadNode } from "../../repos/nodes.ts";

/** @returns null where there is nothing to join with: not admitted, joined already, or the token is used or over */
export async function joinTicketOf(
  { db, clock, secrets }: Pick<Deps, "db" | "clock" | "secrets">,
  providerId: ProviderId,
): Promise<JoinTicket | null> {
  const row = await loadNode(db, providerId);
  if (row?.provider.admission !== "approved") return null;
  const { nodeName, nodeUid, csrName, sealedToken, tokenExpiresAt, apiServer, caHash } = row.node;
  if (nodeUid !== null || csrName !== null || !sealedToken || !tokenExpiresAt || !apiServer || !caHash) return null;
  if (tokenExpiresAt <= clock.now()) return null;
  return {
    api_server: apiServer,
    token: secrets.open(sealedToken),
    ca_cert_hash: caHash,
    node_name: nodeName,
    expires_at: tokenExpiresAt.toISOString(),
  };
}
