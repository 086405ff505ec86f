// The reputation ledger of one provider, open to everybody.
import type { ProviderId } from "../../../domain/ids.ts";
import { appealUntil } from "../../../domain/provider/reputation.ts";
import type { ReputationEventView } from "../../../protocol/views.ts";
import type { Deps } from "../../deps.ts";
import { openNumberCursor, sealCursor } from "../../repos/cursor.ts";
import { providerHead, type ReputationRow, reputationRows } from "../../repos/own-providers.ts";
import { noSuchProvider } from "./owned.ts";

const DEFAULT_LIMIT = 20;

/** @throws AppError `not-found` */
export async function listReputation(
  { db, clock }: Pick<Deps, "db" | "clock">,
  id: ProviderId,
  page: { readonly limit?: number | undefined; readonly cursor?: string | undefined },
): Promise<{ reputation: number; events: ReputationEventView[]; count: number; next_cursor: string | null }> {
  const now = clock.now();
  const limit = page.limit ?? DEFAULT_LIMIT;
  const beforeId = openNumberCursor(page.cursor);
  const provider = await providerHead(db, id);
  if (!provider) throw noSuchProvider();
  const rows = await reputationRows(db, id, { beforeId, limit: limit + 1 });
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    reputation: provider.reputation,
    events: shown.map((row) => toReputationEventView(row, now)),
    count: shown.length,
    next_cursor: rows.length > limit && last ? sealCursor(String(last.id)) : null,
  };
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
