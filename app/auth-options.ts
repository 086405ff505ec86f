// next-auth as Berth uses it: a signed nonce in, a cookie out. The session itself is a row that can be revoked.
import type { NextAuthOptions } from "next-auth";
import type {} from "next-auth/jwt";
import Credentials from "next-auth/providers/credentials";
import { isAppError } from "../domain/errors.ts";
import { accountOperations } from "../protocol/operations/account.ts";
import { SESSION_COOKIE } from "../server/http/session-cookie.ts";
import { login } from "../server/usecases/account/login.ts";
import { deps } from "./context.ts";

declare module "next-auth" {
  interface User {
    /** of the session row; the broker keeps only its hash */
    readonly berthToken?: string;
  }
}
declare module "next-auth/jwt" {
  interface JWT {
    berthToken?: string;
  }
}

const SESSION_SECONDS = 24 * 3600;

export function authOptions(): NextAuthOptions {
  const { publicUrl } = deps().settings;
  return {
    session: { strategy: "jwt", maxAge: SESSION_SECONDS },
    pages: { signIn: "/jobs", error: "/jobs" },
    cookies: {
      sessionToken: {
        name: SESSION_COOKIE,
        options: { httpOnly: true, sameSite: "lax", path: "/", secure: publicUrl.startsWith("https:") },
      },
    },
    providers: [
      Credentials({
        credentials: { address: {}, nonce: {}, signature: {} },
        async authorize(given) {
          const { address, nonce, signature } = given ?? {};
          const proof = accountOperations.login.body.safeParse({ address, nonce, signature });
          if (!proof.success) return null;
          try {
            const { token, account } = await login(deps(), proof.data);
            return { id: account, berthToken: token };
          } catch (error) {
            if (isAppError(error)) return null;
            throw error;
          }
        },
      }),
    ],
    callbacks: {
      /** The cookie is encrypted; the token in it never reaches a script. */
      jwt: ({ token, user }) => (user?.berthToken ? { sub: user.id, berthToken: user.berthToken } : token),
      session: ({ session, token }) => ({ expires: session.expires, user: { name: token.sub ?? null } }),
    },
  };
}
