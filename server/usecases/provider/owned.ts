// Who may decide about a machine: its owner, and operators with their wallet. For anybody else it does not exist.
import type { Principal } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import type { Deps, Tx } from "../../deps.ts";
import { wakeNode } from "../../repos/nodes.ts";
import { lockProviderRow, type ProviderRow } from "../../repos/providers.ts";

export function noSuchProvider(): AppError {
  return new AppError("not-found", "There is no such provider.");
}

/** @throws AppError `not-found` for a stranger */
export async function lockOwned(
  tx: Tx,
  principal: Principal,
  operators: readonly string[],
  id: ProviderId,
): Promise<ProviderRow> {
  const provider = await lockProviderRow(tx, id);
  const operates = principal.scopes.includes("wallet") && operators.includes(principal.account);
  if (!provider || (provider.owner !== principal.account && !operates)) throw noSuchProvider();
  return provider;
}

/** The same, where a machine that was removed cannot be meant. @throws AppError `not-found`, `conflict` */
export async function lockOwnedThere(...of: Parameters<typeof lockOwned>): Promise<ProviderRow> {
  const provider = await lockOwned(...of);
  if (provider.admission === "removed") throw new AppError("conflict", "This machine was removed.");
  return provider;
}

/** Makes the node side due where there is one. @returns the ring that tells of it, for after the commit */
export async function nodeRing({ queue }: Pick<Deps, "queue">, tx: Tx, id: ProviderId, now: Date) {
  const woken = await wakeNode(tx, id, now);
  return async () => {
    if (woken) await queue.ring("node.reconcile", { id });
  };
}
