// What the owner of a machine should know, as its agent shows it: why it waits, why it was turned away, what is wrong.
import type { Desired } from "../../repos/desired.ts";

/** A window this near is worth telling. */
const SOON_MS = 24 * 3_600_000;

export interface NoticeFacts {
  readonly twoAgents: boolean;
  readonly now: Date;
}

/** Sentences, the gravest first. */
export function noticesOf(provider: Desired, { twoAgents, now }: NoticeFacts): string[] {
  return [
    admissionNotice(provider),
    twoAgents
      ? "Another agent beats with this machine's identity. Stop one of the two, or enrol the other machine by itself."
      : null,
    missingNotice(provider),
    provider.presence === "joined" && provider.admission === "approved"
      ? "Executions that have ended still run here. Nothing new is placed until they are gone."
      : null,
    provider.drain === "draining" ? "Draining: nothing new is placed here. What runs goes on to its end." : null,
    maintenanceNotice(provider, now),
  ].filter((notice) => notice !== null);
}

function admissionNotice({ admission, admissionReason }: Desired): string | null {
  const because = admissionReason === "" ? "." : `: ${admissionReason}`;
  switch (admission) {
    case "pending":
      return "This machine waits for an operator of the broker to admit it.";
    case "rejected":
      return `An operator turned this machine away${because}`;
    case "suspended":
      return `An operator suspended this machine${because}`;
    case "removed":
      return `This machine was removed from the broker${because}`;
    case "approved":
      return null;
  }
}

function missingNotice({ missing }: Desired): string | null {
  if (missing.length === 0) return null;
  const names = missing.map(({ index, model }) => `GPU ${index} (${model})`).join(", ");
  return `Missing from this machine's report, and not offered: ${names}.`;
}

function maintenanceNotice({ maintenance }: Desired, now: Date): string | null {
  if (!maintenance || maintenance.startsAt.getTime() - now.getTime() > SOON_MS) return null;
  const [starts, ends] = [maintenance.startsAt.toISOString(), maintenance.endsAt.toISOString()];
  if (maintenance.startsAt <= now)
    return `Announced maintenance is open until ${ends}. Silence until then costs nothing.`;
  return `Announced maintenance begins at ${starts} and ends at ${ends}.`;
}
