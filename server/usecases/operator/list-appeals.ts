// Appeals: those without an answer first, oldest first; then the answered ones, newest first.
import { type Principal, requireOperator } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import { answerDue } from "../../../domain/provider/reputation.ts";
import type { AppealView } from "../../../protocol/provider-views.ts";
import type { Deps } from "../../deps.ts";
import { cursorsOf } from "../../repos/cursor.ts";
import { type AppealWithEvent, answeredAppeals, findAppealWithEvent, openAppeals } from "../../repos/operator.ts";

const DEFAULT_LIMIT = 20;

type AppealDeps = Pick<Deps, "db" | "settings">;
/** Which of the two parts a page ended in, and at which appeal. */
type Key = `${"open" | "answered"}.${number}`;

const cursors = cursorsOf("appeals", (text): text is Key => /^(open|answered)\.\d{1,15}$/.test(text));

/** @throws AppError `forbidden`, `missing-scope`, `bad-request` */
export async function listAppeals(
  { db, settings }: AppealDeps,
  operator: Principal,
  query: { readonly limit?: number | undefined; readonly cursor?: string | undefined },
): Promise<{ appeals: AppealView[]; count: number; next_cursor: string | null }> {
  requireOperator(operator, settings.operators);
  const limit = query.limit ?? DEFAULT_LIMIT;
  const [part, at] = (cursors.open(query.cursor) ?? "open.0").split(".");
  const open = part === "open" ? await openAppeals(db, Number(at), limit + 1) : [];
  const room = limit + 1 - open.length;
  const answered = room > 0 ? await answeredAppeals(db, part === "answered" ? Number(at) : null, room) : [];
  const { shown, ...rest } = cursors.page([...open, ...answered], limit, keyOf);
  return { appeals: shown.map(toAppealView), ...rest };
}

function keyOf({ appeal }: AppealWithEvent): Key {
  return `${appeal.decision === null ? "open" : "answered"}.${appeal.id}`;
}

/** @throws AppError `forbidden`, `missing-scope`, `not-found` */
export async function getAppeal(
  { db, settings }: AppealDeps,
  operator: Principal,
  appealId: number,
): Promise<AppealView> {
  requireOperator(operator, settings.operators);
  const row = await findAppealWithEvent(db, appealId);
  if (!row) throw new AppError("not-found", "There is no such appeal.");
  return toAppealView(row);
}

function toAppealView({ appeal, event, providerName }: AppealWithEvent): AppealView {
  return {
    id: appeal.id,
    provider_id: appeal.providerId,
    provider_name: providerName,
    delta: event.delta,
    reason: event.reason,
    event_at: event.at.toISOString(),
    text: appeal.text,
    at: appeal.at.toISOString(),
    due_at: answerDue(appeal.at).toISOString(),
    decision: appeal.decision,
    reply: appeal.reply,
    decided_at: appeal.decidedAt?.toISOString() ?? null,
    decided_by: appeal.decidedBy,
  };
}
