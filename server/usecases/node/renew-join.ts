// A machine whose token ran out gets a new one.
import type { Principal } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import type { Deps } from "../../deps.ts";
import { recordEvent } from "../../repos/events.ts";
import { loadNode, writeNode } from "../../repos/nodes.ts";
import { lockOwnedThere } from "../provider/owned.ts";

/**
 * A command that is still good and unused stays as it is.
 * @throws AppError `not-found`, `conflict` where it is no node, is not admitted, or has joined
 */
export async function renewJoin(
  { db, clock, queue, settings }: Pick<Deps, "db" | "clock" | "queue" | "settings">,
  owner: Principal,
  id: ProviderId,
): Promise<void> {
  const now = clock.now();
  const renewed = await db.transaction(async (tx) => {
    const provider = await lockOwnedThere(tx, owner, settings.operators, id);
    const row = await loadNode(tx, id);
    if (!row) throw new AppError("conflict", "This machine does not join the cluster.");
    if (provider.admission !== "approved") throw new AppError("conflict", "This machine is not admitted yet.");
    const { nodeUid, tokenId, tokenExpiresAt, csrName } = row.node;
    if (nodeUid !== null)
      throw new AppError("conflict", "This machine has joined. Delete its Node first if it is to join anew.");
    if (tokenId !== null && csrName === null && tokenExpiresAt !== null && tokenExpiresAt > now) return false;
    await writeNode(tx, row, { tokenExpiresAt: null, csrName: null }, now);
    const message = "A new join command was asked for.";
    await recordEvent(tx, { subject: id, code: "join-renewed", message, actor: owner.account, at: now });
    return true;
  });
  if (renewed) await queue.ring("node.reconcile", { id });
}
