// Machines whose report is known to say what is written down already, so that a beat need not read it all again. A
// shortcut of one process and database: it may forget anything, and believes nothing once the provider's row was written.
import { createHash } from "node:crypto";
import type { ProviderId } from "../../../domain/ids.ts";
import type { Db } from "../../deps.ts";
import type { Machine } from "./inventory.ts";

const MOST_KNOWN = 100_000;

/** What a report says about its machine. */
export interface MachineFacts {
  readonly machine: Machine;
  readonly agentVersion: string;
}

interface Known {
  /** of the provider's row; whoever writes what a report may change writes that row too */
  readonly version: string;
  readonly digest: string;
}

const processes = new WeakMap<Db, Map<ProviderId, Known>>();

function knownOf(db: Db): Map<ProviderId, Known> {
  const known = processes.get(db) ?? new Map<ProviderId, Known>();
  processes.set(db, known);
  return known;
}

export function digestOf({ machine, agentVersion }: MachineFacts): string {
  return createHash("sha1")
    .update(JSON.stringify([agentVersion, machine]))
    .digest("base64");
}

export function isKnown(db: Db, id: ProviderId, version: string, digest: string): boolean {
  const known = knownOf(db).get(id);
  return known?.version === version && known.digest === digest;
}

/** @param version read before the rows were that the report was held against */
export function remember(db: Db, id: ProviderId, version: string, digest: string): void {
  const known = knownOf(db);
  const [oldest] = known.keys();
  if (known.size >= MOST_KNOWN && !known.has(id) && oldest !== undefined) known.delete(oldest);
  known.set(id, { version, digest });
}
