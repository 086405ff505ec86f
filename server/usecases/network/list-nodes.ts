// The seed's nodes: the providers that were admitted, open to everybody.
import type { Principal } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import { isId, type ProviderId } from "../../../domain/ids.ts";
import type { NetworkNodesView, NetworkNodeView } from "../../../protocol/node-views.ts";
import type { Deps } from "../../deps.ts";
import { openCursor, sealCursor } from "../../repos/cursor.ts";
import { providerOfNode } from "../../repos/external-workers.ts";
import { nodeRow, nodeRows } from "../../repos/network.ts";
import { listProviderRows } from "../../repos/providers.ts";
import { toNetworkNodeView } from "./node-view.ts";

/** The seed's clients ask for all of them at once, and show what they get. */
const DEFAULT_LIMIT = 100;

/** Newest first. */
export async function listNodes(
  { db, clock }: Pick<Deps, "db" | "clock">,
  query: { limit?: number | undefined; cursor?: string | undefined },
): Promise<NetworkNodesView> {
  const limit = query.limit ?? DEFAULT_LIMIT;
  const beforeId = openCursor(query.cursor, (text): text is ProviderId => isId("prov", text));
  const rows = await listProviderRows(db, { status: null, beforeId, limit: limit + 1 });
  const nodes = await nodeRows(db, rows.slice(0, limit));
  const last = nodes.at(-1);
  return {
    nodes: nodes.map((node) => toNetworkNodeView(node, clock.now())),
    count: nodes.length,
    next_cursor: rows.length > limit && last ? sealCursor(last.shown.provider.id) : null,
  };
}

/**
 * @param id a provider's id, or what it registered itself as: of several, one's own, then whichever came first
 * @throws AppError `not-found`
 */
export async function getNode(
  { db, clock }: Pick<Deps, "db" | "clock">,
  principal: Principal | null,
  id: string,
): Promise<NetworkNodeView> {
  const providerId = isId("prov", id) ? id : await providerOfNode(db, id, principal?.account ?? null);
  const node = providerId && (await nodeRow(db, providerId));
  if (!node) throw noSuchNode();
  return toNetworkNodeView(node, clock.now());
}

export function noSuchNode(): AppError {
  return new AppError("not-found", "Node not found. A worker registers itself first: POST /api/v1/nodes/register.");
}
