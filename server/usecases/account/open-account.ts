// An account begins: its row, and in a demo its promotion, granted once whatever happens.
import type { Deps, Tx } from "../../deps.ts";
import { lockOrCreateAccount, wasGrantedPromotion } from "../../repos/accounts.ts";
import { grantPromotion } from "../../repos/ledger.ts";

/** Opens the account where it is not open yet, and leaves it locked. */
export async function openAccount(
  { ids, settings }: Pick<Deps, "ids" | "settings">,
  tx: Tx,
  address: string,
  now: Date,
): Promise<void> {
  await lockOrCreateAccount(tx, address, now);
  if (settings.welcomePromotion > 0n && !(await wasGrantedPromotion(tx, address)))
    await grantPromotion(tx, ids, address, settings.welcomePromotion, now);
}

/** The account that speaks where nobody is logged in has no login of its own to begin with. */
export async function openAnonymousAccount(deps: Pick<Deps, "db" | "clock" | "ids" | "settings">): Promise<void> {
  const { anonymousAccount } = deps.settings;
  if (anonymousAccount === null) return;
  await deps.db.transaction((tx) => openAccount(deps, tx, anonymousAccount, deps.clock.now()));
}
