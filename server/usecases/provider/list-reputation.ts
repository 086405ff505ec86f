// The reputation ledger of one provider, open to everybody.
import type { ProviderId } from "../../../domain/ids.ts";
import { appealUntil } from "../../../domain/provider/reputation.ts";
import type { ReputationEventView } from "../../../protocol/provider-views.ts";
import type { Deps } from "../../deps.ts";
import { numberCursors } from "../../repos/cursor.ts";
import { providerHead, type ReputationRow, reputationRows } from "../../repos/own-providers.ts";
import { noSuchProvider } from "./owned.ts";

const DEFAULT_LIMIT = 20;
const cursors = numberCursors("reputation");

/** @throws AppError `not-found`, `bad-request` for a cursor of another list */
export async function listReputation(
  { db, clock }: Pick<Deps, "db" | "clock">,
  id: ProviderId,
  page: { readonly limit?: number | undefined; readonly cursor?: string | undefined },
): Promise<{ reputation: number; events: ReputationEventView[]; count: number; next_cursor: string | null }> {
  const now = clock.now();
  const limit = page.limit ?? DEFAULT_LIMIT;
  const beforeId = cursors.open(page.cursor);
  const provider = await providerHead(db, id);
  if (!provider) throw noSuchProvider();
  const rows = await reputationRows(db, id, { beforeId, limit: limit + 1 });
  const { shown, ...rest } = cursors.page(rows, limit, ({ id: eventId }) => eventId);
  return { reputation: provider.reputation, events: shown.map((row) => toReputationEventView(row, now)), ...rest };
}

function toReputationEventView(
  { id, delta, reason, jobId, at, score, appeal }: ReputationRow,
  now: Date,
): ReputationEventView {
  return {
    id,
    delta,
    reason,
    job_id: jobId,
    at: at.toISOString(),
    score,
    appeal_until: appealUntil({ delta, at }, appeal !== null, now)?.toISOString() ?? null,
    appeal: appeal && {
      text: appeal.text,
      at: appeal.at.toISOString(),
      decision: appeal.decision,
      reply: appeal.reply,
      decided_at: appeal.decidedAt?.toISOString() ?? null,
    },
  };
}
