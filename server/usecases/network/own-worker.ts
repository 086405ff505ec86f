// Whose a third-party worker is, and its signs of life.
import { createHash } from "node:crypto";
import type { Principal } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import { isId } from "../../../domain/ids.ts";
import { networkOf } from "../../../domain/verification/network.ts";
import type { Deps } from "../../deps.ts";
import { noteSeen, type Worker, workerByProvider, workerOf } from "../../repos/external-workers.ts";
import { lockProviderRow, updateProvider } from "../../repos/providers.ts";
import { writePresenceEdge } from "../provider/presence-edge.ts";
import { noSuchNode } from "./list-nodes.ts";

/** Networks that are remembered of one worker: whoever would be forgotten in one has to call from so many others. */
const MOST_NETWORKS = 8;

/**
 * Where a worker called from, one address of each network, the newest last: whoever registers through one network and
 * works from another is of both.
 * @returns `known` itself where this is no news
 */
export function withAddress(known: readonly string[], address: string | null): readonly string[] {
  if (address === null) return known;
  const network = networkOf(address);
  if (known.some((other) => other === address || (network !== null && networkOf(other) === network))) return known;
  return [...known, address].slice(-MOST_NETWORKS);
}

/** A call within this time of the last one is no news. */
const NOTE_EVERY_MS = 5_000;

/**
 * The account that a worker belongs to. In a demo nobody in particular speaks: there each node id is its own owner, so
 * that three workers on one laptop can outvote each other. Its account has an address that is the start of the SHA-256
 * of a fixed text and the id: no key is known for it, so nothing it earns can ever be taken out.
 */
export function ownerOf(principal: Principal, nodeId: string): string {
  if (principal.via !== "anonymous") return principal.account;
  return `0x${createHash("sha256").update(`berth: nobody's node ${nodeId}`).digest("hex").slice(0, 40)}`;
}

/**
 * @param id what it registered itself as, or its provider's id
 * @throws AppError `not-found`, also for a stranger's; `forbidden` where it was removed
 */
export async function ownWorker(db: Deps["db"], principal: Principal, id: string): Promise<Worker> {
  const found = isId("prov", id) ? await workerByProvider(db, id) : await workerOf(db, ownerOf(principal, id), id);
  if (!found || found.worker.owner !== ownerOf(principal, found.worker.nodeId)) throw noSuchNode();
  refuseRemoved(found.provider);
  return found;
}

/** @throws AppError `forbidden` */
export function refuseRemoved({ admission, admissionReason }: Worker["provider"]): void {
  if (admission !== "removed" && admission !== "rejected") return;
  const why = admissionReason === "" ? "" : ` (${admissionReason})`;
  throw new AppError("forbidden", `This node was ${admission}${why}. Its id is kept: register under another one.`);
}

/** Every call of a worker is a sign of life; the first one after a silence brings it back. */
export async function hear(
  { db, clock, queue }: Pick<Deps, "db" | "clock" | "queue">,
  { provider, lastSeenAt }: Pick<Worker, "provider" | "lastSeenAt">,
  address: string | null,
): Promise<void> {
  const now = clock.now();
  if (withAddress(provider.addresses, address) !== provider.addresses)
    await db.transaction(async (tx) => {
      // Read again under its lock: two calls from two networks at once are both remembered.
      const locked = await lockProviderRow(tx, provider.id);
      if (locked) await updateProvider(tx, provider.id, { addresses: [...withAddress(locked.addresses, address)] });
    });
  if (!lastSeenAt || now.getTime() - lastSeenAt.getTime() >= NOTE_EVERY_MS) await noteSeen(db, provider.id, now);
  if (provider.presence === "online") return;
  const back = await db.transaction(async (tx) => {
    const locked = await lockProviderRow(tx, provider.id);
    const facts = { now, silentSince: null, message: `${provider.name} is online.` };
    return locked !== null && (await writePresenceEdge(tx, locked, "cleanReport", facts)) !== null;
  });
  if (back) await queue.ring("batch.dispatch", {}); // there may be work that nobody else could take
}
