// Ends the session of a token, wherever it is used; ending it twice is ending it once.
import type { Deps } from "../../deps.ts";
import { revokeSession } from "../../repos/sessions.ts";
import { hashToken } from "./tokens.ts";

export async function logout({ db, clock }: Pick<Deps, "db" | "clock">, token: string): Promise<void> {
  await revokeSession(db, hashToken(token), clock.now());
}
