// Who may look into a machine: its owner, and operators with their wallet. For anybody else it does not exist.
import type { Principal } from "../../../domain/account/principal.ts";
import { noSuchProvider } from "./owned.ts";

/** @throws AppError `not-found` for a stranger, as where there is none */
export function requireReadable<R extends { readonly owner: string }>(
  found: R | null,
  principal: Principal,
  operators: readonly string[],
): R {
  const operates = principal.scopes.includes("wallet") && operators.includes(principal.account);
  if (!found || (found.owner !== principal.account && !operates)) throw noSuchProvider();
  return found;
}
