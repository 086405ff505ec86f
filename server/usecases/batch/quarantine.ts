// Machines that are caught with wrong results: set aside, and told why. What rests on them is taken back by recall.ts.
import type { ProviderId } from "../../../domain/ids.ts";
import { isCaught, type Suspicion } from "../../../domain/verification/checks.ts";
import { RULES } from "../../../domain/verification/constants.ts";
import type { Evidence } from "../../../domain/verification/evidence.ts";
import type { Tx } from "../../deps.ts";
import { type Caught, writeQuarantine } from "../../repos/batch-checks.ts";
import { recordEvents } from "../../repos/events.ts";
import type { KnownProvider } from "../../repos/evidence.ts";
import type { Case } from "./judge.ts";

/** @param known what is known of those who voted, with these votes in it */
export function caughtIn(cases: readonly Case[], known: readonly KnownProvider[]): readonly Caught[] {
  const all = new Map<ProviderId, KnownProvider>(known.map((one) => [one.id, one]));
  const caught = new Map<ProviderId, Caught>();
  for (const { votes } of cases)
    for (const { member, vote, counts, suspicion } of votes) {
      const provider = all.get(member.providerId);
      if (!counts || vote === "agreed" || !provider || provider.quarantined || caught.has(provider.id)) continue;
      const about = suspicion ?? { kind: "vote", disagreed: true };
      if (isCaught(provider, about))
        caught.set(provider.id, { providerId: provider.id, reason: reasonOf(about, provider) });
    }
  return [...caught.values()];
}

function reasonOf({ kind }: Suspicion, { verified, bad }: Evidence): string {
  if (kind === "canary") return "It gave a wrong result where the right one was known.";
  if (kind === "audit") return "It stood behind a result that machines of other owners refuted.";
  return `Machines of other owners outvoted ${Math.round(bad)} of its ${Math.round(verified + bad)} latest results.`;
}

/** The longest that a job decided since may have been given out before. */
const LONGEST_JOB_HOURS = 72;
const HOUR_MS = 3_600_000;

/** Their rows are locked, and they have evidence. What lives there is ended by the sweep. */
export async function quarantine(tx: Tx, caught: readonly Caught[], now: Date): Promise<void> {
  if (caught.length === 0) return;
  const since = new Date(now.getTime() - (RULES.recallHours + LONGEST_JOB_HOURS) * HOUR_MS);
  await writeQuarantine(tx, caught, since, now);
  await recordEvents(
    tx,
    caught.map(({ providerId, reason }) => ({
      subject: providerId,
      code: "quarantined",
      message: `Quarantined: it gets no new work, and rentals that run go on. ${reason} Results that rest on it are verified again. If this is wrong, appeal on the machine's page: an operator can lift it.`,
      data: { reason },
      at: now,
    })),
  );
}
