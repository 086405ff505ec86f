// Who speaks: a bearer token, an API key as a password, the console's cookie on its own streams, or in a demo nobody in
// particular.
import type { Principal } from "../../domain/account/principal.ts";
import { AppError } from "../../domain/errors.ts";
import type { Deps } from "../deps.ts";
import { authenticate } from "../usecases/account/authenticate.ts";
import { API_KEY_PREFIX } from "../usecases/account/tokens.ts";
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
  if (authorization !== undefined) return byToken(deps, tokenOf(authorization));
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

const BEARER = /^Bearer ([\x21-\x7e]{1,512})$/i;
const BASIC = /^Basic ([A-Za-z0-9+/=]{1,1024})$/i;

/**
 * Clients that know nothing of tokens can still be given one, in the URL of the broker: `http://user:key@host` makes them
 * send Basic. Its password is an API key; a session's token is no password, so that it ends up in no URL.
 */
function tokenOf(authorization: string): string | undefined {
  const basic = BASIC.exec(authorization)?.[1];
  if (basic === undefined) return BEARER.exec(authorization)?.[1];
  const password = Buffer.from(basic, "base64")
    .toString("utf8")
    .replace(/^[^:]*:/, "");
  return password.startsWith(API_KEY_PREFIX) ? password : undefined;
}

async function byToken(deps: IdentifyDeps, token: string | undefined): Promise<Identity> {
  const principal = token === undefined ? null : await authenticate(deps, token);
  if (!principal || token === undefined)
    throw new AppError("unauthenticated", "The token is unknown, over or revoked.");
  return { principal, token };
}
