// Who speaks: a bearer token, the console's cookie on its own streams, or in a demo nobody in particular.
import type { Principal } from "../../domain/account/principal.ts";
import { AppError } from "../../domain/errors.ts";
import type { Deps } from "../deps.ts";
import { authenticate } from "../usecases/account/authenticate.ts";
import type { Caller } from "./doors.ts";
import type { WireRequest } from "./message.ts";
import { cookieOf, SESSION_COOKIE, tokenOfCookie } from "./session-cookie.ts";

export interface Identity {
  readonly principal: Principal;
  /** what proved it; null for the anonymous account */
  readonly token: string | null;
}

type IdentifyDeps = Pick<Deps, "db" | "clock" | "settings">;

/**
 * A token that is given must be good, whatever else would do. The cookie counts for a page's own streams and terminals
 * only: nothing else on this side takes it, so a page that steals it or rides on it gets nothing.
 * @param ownPage whether one of our own pages asks for a stream or an upgrade
 * @returns null where nobody speaks
 * @throws AppError `unauthenticated`
 */
export async function identify(
  deps: IdentifyDeps,
  sessionSecret: string,
  request: WireRequest,
  caller: Caller,
  ownPage: boolean,
): Promise<Identity | null> {
  const authorization = request.headers.authorization;
  if (authorization !== undefined) return byToken(deps, /^Bearer ([\x21-\x7e]{1,512})$/i.exec(authorization)?.[1]);
  if (ownPage) {
    const cookie = cookieOf(request.headers.cookie, SESSION_COOKIE);
    const token = await tokenOfCookie(cookie, sessionSecret);
    const principal = token === null ? null : await authenticate(deps, token);
    if (principal) return { principal, token };
  }
  const { anonymousAccount } = deps.settings;
  if (anonymousAccount === null || !caller.local) return null;
  return { principal: { account: anonymousAccount, via: "anonymous", scopes: ["read", "jobs"] }, token: null };
}

async function byToken(deps: IdentifyDeps, token: string | undefined): Promise<Identity> {
  const principal = token === undefined ? null : await authenticate(deps, token);
  if (!principal || token === undefined)
    throw new AppError("unauthenticated", "The token is unknown, over or revoked.");
  return { principal, token };
}
