// The totals above an owner's machines.

import { Figure, Figures } from "../ui/figures.tsx";
import { Money, moneyText } from "../ui/money.tsx";

interface Fleet {
  readonly machines: number;
  readonly available: number;
  readonly gpus: { readonly total: number; readonly free: number; readonly inUse: number; readonly mining: number };
  readonly earned: string;
  readonly earnedPromotion: string;
}

const NOTHING = "0.000000";

/** What of the earnings is promotion, said where there is any: it cannot be paid out. */
export function promotionWords(earnedPromotion: string): string {
  return earnedPromotion === NOTHING ? "after the fee" : `after the fee, ${moneyText(earnedPromotion)} of it promotion`;
}

export function FleetFacts({ fleet }: { readonly fleet: Fleet }) {
  const { gpus } = fleet;
  return (
    <Figures>
      <Figure name="Machines" value={fleet.available} detail={`of ${fleet.machines} take work now`} />
      <Figure name="GPUs free" value={gpus.free} detail={`of ${gpus.total} in all`} />
      <Figure name="In use" value={gpus.inUse} detail="held by rentals and batch jobs" />
      {gpus.mining > 0 && <Figure name="Mining" value={gpus.mining} detail="give way on demand" />}
      <Figure
        name="Earned to date"
        value={<Money usd={fleet.earned} className="text-[1em] max-sm:text-lead" />}
        detail={promotionWords(fleet.earnedPromotion)}
      />
    </Figures>
  );
}
