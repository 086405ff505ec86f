// A loss of reputation can be appealed once, within a week; an operator decides.
import { type Principal, requireOperator } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import { APPEAL_GRANTED, answerDue, appealProblem } from "../../../domain/provider/reputation.ts";
import type { ReputationEventView } from "../../../protocol/provider-views.ts";
import type { Deps } from "../../deps.ts";
import { answerAppeal, findAppeal, findReputationEvent, insertAppeal } from "../../repos/appeals.ts";
import { recordEvent } from "../../repos/events.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { lockProviderRow } from "../../repos/providers.ts";
import { applyReputation } from "../../repos/reputation.ts";
import { noSuchProvider } from "./owned.ts";

type AppealDeps = Pick<Deps, "db" | "clock" | "settings">;

/** Of the owner alone: an operator decides and does not plead. @throws AppError `not-found`, `conflict` */
export async function appealReputation(
  { db, clock }: AppealDeps,
  owner: Principal,
  id: ProviderId,
  { reputation_event_id: eventId, text }: { readonly reputation_event_id: number; readonly text: string },
): Promise<ReputationEventView> {
  const now = clock.now();
  return db.transaction(async (tx) => {
    const provider = await lockProviderRow(tx, id);
    if (!provider || provider.owner !== owner.account) throw noSuchProvider();
    const found = await findReputationEvent(tx, id, eventId);
    if (!found) throw new AppError("not-found", "This machine has no such change of reputation.");
    const { event, score } = found;
    const problem = appealProblem(event, found.appeal !== null, now);
    if (problem) throw new AppError("conflict", problem);
    const appeal = await insertAppeal(tx, { reputationEventId: eventId, providerId: id, text, at: now });
    if (!appeal) throw new AppError("conflict", "This loss was appealed already; an appeal is heard once.");
    await recordEvent(tx, {
      subject: id,
      code: "appeal-made",
      message: `The loss of ${-event.delta} points was appealed; an answer is owed by ${answerDue(now).toISOString().slice(0, 10)}.`,
      data: { reputation_event_id: eventId, appeal_id: appeal.id, delta: event.delta },
      actor: owner.account,
      at: now,
    });
    return {
      id: event.id,
      delta: event.delta,
      reason: event.reason,
      job_id: event.jobId,
      at: event.at.toISOString(),
      score,
      appeal_until: null,
      appeal: { text, at: now.toISOString(), decision: null, reply: null, decided_at: null },
    };
  });
}

/** A granted one gives back what was really taken. @throws AppError `forbidden`, `not-found`, `conflict` */
export async function decideAppeal(
  { db, clock, settings }: AppealDeps,
  operator: Principal,
  appealId: number,
  { granted, reply }: { readonly granted: boolean; readonly reply: string },
): Promise<void> {
  requireOperator(operator, settings.operators);
  const now = clock.now();
  await db.transaction(async (tx) => {
    const known = await findAppeal(tx, appealId);
    const provider = known && (await lockProviderRow(tx, known.appeal.providerId));
    const found = await findAppeal(tx, appealId); // again, now that nobody else decides it
    if (!provider || !found) throw new AppError("not-found", "There is no such appeal.");
    if (found.appeal.decision !== null)
      throw new AppError("conflict", `This appeal was ${found.appeal.decision} already.`);
    const decision = granted ? "granted" : "upheld";
    await answerAppeal(tx, appealId, { decision, reply, decidedAt: now, decidedBy: operator.account });
    const taken = -found.event.delta;
    const given = granted ? await applyReputation(tx, provider, taken, APPEAL_GRANTED, now) : 0;
    await recordEvent(tx, {
      subject: provider.id,
      code: granted ? "appeal-granted" : "appeal-upheld",
      message: granted
        ? `An appeal was granted: ${given} points came back. ${reply}`
        : `An appeal was answered: the loss of ${taken} points stands. ${reply}`,
      data: { appeal_id: appealId, reputation_event_id: found.event.id, reputation_delta: given },
      actor: operator.account,
      at: now,
    });
    await recomputeOffers(tx, provider.id);
  });
}
