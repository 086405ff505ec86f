// The console's login: next-auth's encrypted cookie, which carries the token of a row in `sessions`.
import { decode } from "next-auth/jwt";

/** Where next-auth's JWT keeps our session token. */
export const TOKEN_CLAIM = "berthToken";

export const SESSION_COOKIE = "berth_session";

/** The value of a cookie in a `Cookie` header. */
export function cookieOf(header: string | undefined, name: string): string | undefined {
  const pair = header?.split(";").find((part) => part.trim().startsWith(`${name}=`));
  return pair?.trim().slice(name.length + 1);
}

/** @returns our session token; null where the cookie is absent, forged or over */
export async function tokenOfCookie(cookie: string | undefined, secret: string): Promise<string | null> {
  if (!cookie) return null;
  try {
    const claims = await decode({ token: cookie, secret });
    const token = claims?.[TOKEN_CLAIM];
    return typeof token === "string" ? token : null;
  } catch {
    return null;
  }
}
