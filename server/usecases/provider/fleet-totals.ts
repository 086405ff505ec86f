// All of an owner's machines in one line: the totals above its list.
import type { Principal } from "../../../domain/account/principal.ts";
import { formatMicros } from "../../../domain/money/micros.ts";
import type { Deps } from "../../deps.ts";
import { earnedByOwner } from "../../repos/earnings.ts";
import { fleetOf } from "../../repos/own-providers.ts";

export interface FleetTotals {
  readonly machines: number;
  /** taking work now */
  readonly available: number;
  /** GPUs; what is neither free nor in use is out of reach */
  readonly gpus: { readonly total: number; readonly free: number; readonly inUse: number; readonly mining: number };
  /** since ever, of machines that were removed too; decimal strings of USD after the fee */
  readonly earned: string;
  readonly earnedPromotion: string;
}

export async function fleetTotals({ db }: Pick<Deps, "db">, owner: Principal): Promise<FleetTotals> {
  const [fleet, earned] = await Promise.all([fleetOf(db, owner.account), earnedByOwner(db, owner.account)]);
  const { machines, available, total, free, inUse } = fleet;
  return {
    machines,
    available,
    gpus: { total, free, inUse, mining: 0 }, // mining comes with workloads
    earned: formatMicros(earned.cash + earned.promotion),
    earnedPromotion: formatMicros(earned.promotion),
  };
}
