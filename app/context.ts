// What a page may ask about its request: the server it runs in, who is there, and how one may log in.

import { cookies } from "next/headers";
import { cache } from "react";
import type { Visitor } from "../components/shell/header.tsx";
import type { LoginOptions } from "../components/wallet/options.ts";
import type { Principal } from "../domain/account/principal.ts";
import { AppError } from "../domain/errors.ts";
import type { Deps } from "../server/deps.ts";
import { SESSION_COOKIE, tokenOfCookie } from "../server/http/session-cookie.ts";
import { authenticate } from "../server/usecases/account/authenticate.ts";
import { logout } from "../server/usecases/account/logout.ts";
import { getBilling } from "../server/usecases/billing/get-billing.ts";
import { unreadAlerts } from "../server/usecases/search/alerts.ts";

/** Next bundles its own copy of this module, so what the server was started with is found under a symbol. */
const DEPS = Symbol.for("berth.deps");

export function deps(): Deps {
  const found: unknown = Reflect.get(globalThis, DEPS);
  if (!found) throw new Error("the console runs behind web/main.ts, which was not started");
  return found as Deps; // the one writer of this symbol is web/main.ts
}

/** The token in the visitor's cookie; null where there is none or it was not written by us. */
async function sessionToken(): Promise<string | null> {
  const cookie = (await cookies()).get(SESSION_COOKIE)?.value;
  const secret = process.env.NEXTAUTH_SECRET; // web/main.ts sets it from what it parsed
  return secret ? tokenOfCookie(cookie, secret) : null;
}

/** Who looks at the page; asked once a request, however many ask. */
export const principal = cache(async (): Promise<Principal | null> => {
  const token = await sessionToken();
  return token ? authenticate(deps(), token) : null;
});

/** @throws AppError `unauthenticated` */
export async function requirePrincipal(): Promise<Principal> {
  const who = await principal();
  if (!who) throw new AppError("unauthenticated", "Log in with your wallet first.");
  return who;
}

export async function endSession(): Promise<void> {
  const token = await sessionToken();
  if (token) await logout(deps(), token);
  (await cookies()).delete(SESSION_COOKIE);
}

export const visitor = cache(async (): Promise<Visitor | null> => {
  const who = await principal();
  if (!who) return null;
  const [{ available }, alerts] = await Promise.all([getBilling(deps(), who, { limit: 1 }), unreadAlerts(deps(), who)]);
  return { address: who.account, available, operator: deps().settings.operators.includes(who.account), alerts };
});

export function loginOptions(): LoginOptions {
  const { demo, walletConnectProjectId } = deps().settings;
  return { demo, walletConnectProjectId };
}
