// What a machine earned day by day, for its owner and for operators.
import type { Principal } from "../../../domain/account/principal.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import { formatMicros } from "../../../domain/money/micros.ts";
import type { DayEarnedView } from "../../../protocol/provider-views.ts";
import type { Deps } from "../../deps.ts";
import { cursorsOf } from "../../repos/cursor.ts";
import { type DayEarned, earnedByDay } from "../../repos/earnings.ts";
import { providerHead } from "../../repos/own-providers.ts";
import { requireReadable } from "./readable.ts";

type EarningsDeps = Pick<Deps, "db" | "clock" | "settings">;

const DAY_MS = 86_400_000;
const DEFAULT_LIMIT = 20;
const cursors = cursorsOf("provider-earnings", (text): text is `${number}-${number}-${number}` =>
  /^\d{4}-\d\d-\d\d$/.test(text),
);

const toView = ({ day, cash, promotion }: DayEarned): DayEarnedView => ({
  day,
  earned: formatMicros(cash + promotion),
  earned_promotion: formatMicros(promotion),
});

/** Days on which something was booked, newest first. @throws AppError `not-found` for a stranger */
export async function listEarnings(
  { db, settings }: Pick<EarningsDeps, "db" | "settings">,
  principal: Principal,
  id: ProviderId,
  page: { readonly limit?: number | undefined; readonly cursor?: string | undefined },
): Promise<{ days: DayEarnedView[]; count: number; next_cursor: string | null }> {
  const limit = page.limit ?? DEFAULT_LIMIT;
  const before = cursors.open(page.cursor);
  requireReadable(await providerHead(db, id), principal, settings.operators);
  const rows = await earnedByDay(db, id, { from: null, before, limit: limit + 1 });
  const { shown, ...rest } = cursors.page(rows, limit, ({ day }) => day);
  return { days: shown.map(toView), ...rest };
}

/** Every day of the last so many, oldest first, today last. @throws AppError `not-found` for a stranger */
export async function lastDaysEarned(
  { db, clock, settings }: EarningsDeps,
  principal: Principal,
  id: ProviderId,
  days: number,
): Promise<DayEarnedView[]> {
  requireReadable(await providerHead(db, id), principal, settings.operators);
  const today = Math.floor(clock.now().getTime() / DAY_MS) * DAY_MS;
  const all = Array.from({ length: days }, (_, n) =>
    new Date(today - (days - 1 - n) * DAY_MS).toISOString().slice(0, 10),
  );
  const rows = await earnedByDay(db, id, { from: all[0] ?? null, before: null, limit: days });
  const earned = new Map(rows.map((row) => [row.day, row]));
  return all.map((day) => toView(earned.get(day) ?? { day, cash: 0n, promotion: 0n }));
}
