// The seed's nodes: the providers that were admitted, open to everybody.
import type { Principal } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import { isId } from "../../../domain/ids.ts";
import type { NodeSort } from "../../../domain/provider/node-status.ts";
import type { NetworkNodesView, NetworkNodeView } from "../../../protocol/node-views.ts";
import type { NodesQuery } from "../../../protocol/operations/node.ts";
import type { Deps } from "../../deps.ts";
import { cursorsOf } from "../../repos/cursor.ts";
import { providerOfNode } from "../../repos/external-workers.ts";
import { nodeRow } from "../../repos/network.ts";
import { countNodes, listNodeRows, type NodeFilter, type NodePlace, regionsOfNodes } from "../../repos/node-list.ts";
import { heldBackNow } from "../batch/owner-groups.ts";
import { toNetworkNodeView } from "./node-view.ts";

/** The seed's clients ask for all of them at once, and show what they get. */
const DEFAULT_LIMIT = 100;

const DEFAULT_SORT = "newest";

type NodeFilters = Omit<NodesQuery, "sort" | "limit" | "cursor">;

/** @throws AppError `bad-request` for a cursor of another list or another sort */
export async function listNodes(
  { db, clock, settings }: Pick<Deps, "db" | "clock" | "settings">,
  query: NodesQuery,
): Promise<NetworkNodesView> {
  const { sort = DEFAULT_SORT, limit = DEFAULT_LIMIT, cursor, ...filters } = query;
  const now = clock.now();
  const cursors = cursorsBy(sort);
  const after = placeOf(cursors.open(cursor));
  const rows = await listNodeRows(db, { filter: toFilter(filters), sort, after, limit: limit + 1, now });
  const { shown, ...rest } = cursors.page(rows, limit, ({ key, id }) => `${id} ${key}`);
  const held = await heldBackNow(db, now, settings.demo, { about: shown.map(({ id }) => id) });
  return { nodes: shown.map(({ node, id }) => toNetworkNodeView(node, held.get(id) ?? null, now)), ...rest };
}

/** How many these filters leave, and every region that could be one. */
export async function countFoundNodes(
  { db, clock }: Pick<Deps, "db" | "clock">,
  filters: NodeFilters,
): Promise<{ found: number; regions: string[] }> {
  const [found, regions] = await Promise.all([countNodes(db, toFilter(filters), clock.now()), regionsOfNodes(db)]);
  return { found, regions };
}

function toFilter({ status, standing, runtime, gpu, region, search }: NodeFilters): NodeFilter {
  return {
    ...{ status: status ?? null, standing: standing ?? null, runtime: runtime ?? null, hasGpu: gpu ?? null },
    ...{ region: region ?? "", search: search ?? "" },
  };
}

const NUMBER = /^prov_\S{26} -?(Infinity|\d{1,17}(\.\d{1,20})?(e[+-]\d{1,2})?)$/;
const TEXT = /^prov_\S{26} [^\p{Cc}]{1,99}$/u;

/** Every order is a list of its own. */
function cursorsBy(sort: NodeSort) {
  const place = sort === "name" || sort === "newest" ? TEXT : NUMBER;
  return cursorsOf(`nodes-${sort}`, (text): text is string => place.test(text));
}

function placeOf(text: string | null): NodePlace | null {
  const [id = "", ...key] = text?.split(" ") ?? [];
  return isId("prov", id) ? { id, key: key.join(" ") } : null;
}

/**
 * @param id a provider's id, or what it registered itself as: of several, one's own, then whichever came first
 * @throws AppError `not-found`
 */
export async function getNode(
  { db, clock, settings }: Pick<Deps, "db" | "clock" | "settings">,
  principal: Principal | null,
  id: string,
): Promise<NetworkNodeView> {
  const providerId = isId("prov", id) ? id : await providerOfNode(db, id, principal?.account ?? null);
  const node = providerId && (await nodeRow(db, providerId));
  if (!node) throw noSuchNode();
  const now = clock.now();
  const held = await heldBackNow(db, now, settings.demo, { about: [providerId] });
  return toNetworkNodeView(node, held.get(providerId) ?? null, now);
}

export function noSuchNode(): AppError {
  return new AppError("not-found", "Node not found. A worker registers itself first: POST /api/v1/nodes/register.");
}
