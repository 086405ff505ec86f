// What went wrong with a node, written down once for each time it does.
import type { Incident } from "../../../domain/node/plan.ts";
import type { Tx } from "../../deps.ts";
import { recordEvent } from "../../repos/events.ts";
import { lastEvent } from "../../repos/nodes.ts";

const CAPACITY = ["capacity-mismatch", "capacity-restored"];

/** The provider is locked, so that two who see the same write it once. */
export async function recordIncident(
  tx: Tx,
  subject: string,
  { code, message, data }: Omit<Incident, "code"> & { readonly code: Incident["code"] | "node-renamed" },
  at: Date,
): Promise<void> {
  if (CAPACITY.includes(code)) {
    const last = await lastEvent(tx, subject, CAPACITY);
    if (!last && code === "capacity-restored") return;
    if (last?.code === code && Object.entries(data).every(([key, value]) => last.data[key] === value)) return;
    if (last?.code === code && code === "capacity-restored") return;
  } else if (await lastEvent(tx, subject, [code], data)) return;
  await recordEvent(tx, { subject, code, message, data, at });
}
