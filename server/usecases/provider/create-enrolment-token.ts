// A token that enrols one machine for a wallet.
import { createHash } from "node:crypto";
import type { Principal } from "../../../domain/account/principal.ts";
import type { Deps } from "../../deps.ts";
import { insertEnrolmentToken } from "../../repos/enrolment.ts";

const TOKEN_LIVES_MS = 60 * 60_000;
const TOKEN_BYTES = 32;

/** Only the hash is kept: whoever reads the database cannot enrol. */
export function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** @returns the token, shown this once */
export async function createEnrolmentToken(
  { db, clock, ids }: Pick<Deps, "db" | "clock" | "ids">,
  owner: Principal,
): Promise<{ token: string; expiresAt: Date }> {
  const now = clock.now();
  const token = ids.secret(TOKEN_BYTES);
  const expiresAt = new Date(now.getTime() + TOKEN_LIVES_MS);
  await insertEnrolmentToken(db, { tokenHash: hashToken(token), account: owner.account, createdAt: now, expiresAt });
  return { token, expiresAt };
}
