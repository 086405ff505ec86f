// Who speaks, and what they may do.
import { AppError } from "../errors.ts";

export const SCOPES = ["read", "jobs", "providers", "wallet"] as const;
export type Scope = (typeof SCOPES)[number];

/** An account as it was proved for one request. */
export interface Principal {
  /** wallet address, lower case */
  readonly account: string;
  readonly via: "session" | "api-key" | "anonymous";
  readonly scopes: readonly Scope[];
}

/** A wallet session may do everything its account may. */
export function walletPrincipal(account: string): Principal {
  return { account, via: "session", scopes: SCOPES };
}

/** @throws AppError `forbidden`, `missing-scope`: operators decide with their wallet, never with a key */
export function requireOperator(principal: Principal, operators: readonly string[]): void {
  requireScope(principal, "wallet");
  if (!operators.includes(principal.account)) throw new AppError("forbidden", "This is for operators of this broker.");
}

/** @throws AppError `missing-scope` */
export function requireScope(principal: Principal, scope: Scope): void {
  if (principal.scopes.includes(scope)) return;
  const detail = scope === "wallet" ? "this needs a login with the wallet itself" : `this needs the scope ${scope}`;
  throw new AppError("missing-scope", detail);
}
