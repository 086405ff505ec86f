// The node side of a machine, for its owner: how far it has joined, and the command that makes it join.
import { joinCommand } from "../../../domain/node/join-command.ts";
import type { Admission } from "../../../domain/provider/state.ts";
import type { NodeView } from "../../../protocol/provider-views.ts";
import type { SecretBox } from "../../deps.ts";
import type { NodeRow } from "../../repos/nodes.ts";

/** @param forOwner whoever reads may make the machine join */
export function toNodeView(
  node: NodeRow,
  admission: Admission,
  declaredGpus: number,
  { secrets, now, forOwner }: { readonly secrets: SecretBox; readonly now: Date; readonly forOwner: boolean },
): NodeView {
  const good =
    node.tokenId !== null && node.csrName === null && node.tokenExpiresAt !== null && now < node.tokenExpiresAt;
  const joins = admission === "approved" && good && node.nodeUid === null;
  return {
    node_name: node.nodeName,
    state: stateOf(node, admission),
    join_command: forOwner && joins ? commandOf(node, secrets) : null,
    expires_at: joins ? (node.tokenExpiresAt?.toISOString() ?? null) : null,
    allocatable_gpus: node.nodeUid === null ? null : node.allocatableGpus,
    declared_gpus: declaredGpus,
    kubelet_version: node.kubeletVersion,
  };
}

/** A token was out once and is not good any more, and no node came. */
export function joinExpired(node: NodeRow, now: Date): boolean {
  return node.nodeUid === null && node.tokenExpiresAt !== null && node.tokenExpiresAt <= now;
}

function stateOf(node: NodeRow, admission: Admission): NodeView["state"] {
  if (node.nodeUid !== null) {
    if (node.ready === null) return "gone";
    return node.ready ? "joined" : "not-ready";
  }
  if (admission !== "approved") return "waiting-for-approval";
  if (node.tokenExpiresAt === null) return "issuing";
  return node.tokenId === null && node.seenAt !== null ? "gone" : "waiting-for-node";
}

function commandOf({ apiServer, sealedToken, caHash, nodeName }: NodeRow, secrets: SecretBox): string | null {
  if (apiServer === null || sealedToken === null || caHash === null) return null;
  return joinCommand({ apiServer, token: secrets.open(sealedToken), caHash, nodeName });
}
