// What a machine earned day by day, for its owner and for operators.
import type { Principal } from "../../../domain/account/principal.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import { formatMicros } from "../../../domain/money/micros.ts";
import type { Deps } from "../../deps.ts";
import { earnedByDay } from "../../repos/earnings.ts";
import { providerHead } from "../../repos/own-providers.ts";
import { requireReadable } from "./readable.ts";

const DAY_MS = 86_400_000;

export interface DayEarned {
  /** of UTC, YYYY-MM-DD */
  readonly day: string;
  /** decimal strings of USD, after the fee: cash and promotion together, and promotion alone */
  readonly earned: string;
  readonly earned_promotion: string;
}

/** Every day of the last so many, oldest first, today last. @throws AppError `not-found` for a stranger */
export async function earningsByDay(
  { db, clock, settings }: Pick<Deps, "db" | "clock" | "settings">,
  principal: Principal,
  id: ProviderId,
  days: number,
): Promise<DayEarned[]> {
  requireReadable(await providerHead(db, id), principal, settings.operators);
  const today = Math.floor(clock.now().getTime() / DAY_MS) * DAY_MS;
  const since = new Date(today - (days - 1) * DAY_MS);
  const earned = new Map((await earnedByDay(db, id, since)).map((row) => [row.day, row]));
  return Array.from({ length: days }, (_, n) => {
    const day = new Date(since.getTime() + n * DAY_MS).toISOString().slice(0, 10);
    const { cash = 0n, promotion = 0n } = earned.get(day) ?? {};
    return { day, earned: formatMicros(cash + promotion), earned_promotion: formatMicros(promotion) };
  });
}
