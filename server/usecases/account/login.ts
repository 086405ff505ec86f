// A signed nonce becomes a session; the first login makes the account, and in a demo grants its promotion.
import { AppError } from "../../../domain/errors.ts";
import type { Deps } from "../../deps.ts";
import { findNonce, useNonce } from "../../repos/nonces.ts";
import { insertSession } from "../../repos/sessions.ts";
import { loginTypedData } from "./create-nonce.ts";
import { openAccount } from "./open-account.ts";
import { hashToken, TOKEN_BYTES } from "./tokens.ts";

const SESSION_MS = 24 * 3_600_000;

export interface LoginProof {
  /** lower case */
  readonly address: string;
  readonly nonce: string;
  readonly signature: `0x${string}`;
}

export interface Login {
  /** given out once; only its hash is kept */
  readonly token: string;
  readonly account: string;
  readonly expiresAt: Date;
}

/** @throws AppError `bad-nonce`, `bad-signature` */
export async function login(
  deps: Pick<Deps, "db" | "clock" | "ids" | "wallets" | "settings">,
  { address, nonce, signature }: LoginProof,
): Promise<Login> {
  const { db, clock, ids, settings } = deps;
  const now = clock.now();
  const issued = await findNonce(db, nonce, address, now);
  if (!issued) throw badNonce();
  const asked = loginTypedData(settings.publicUrl, address, nonce, issued.issuedAt, issued.expiresAt);
  if (!(await deps.wallets.signed(address, asked, signature)))
    throw new AppError("bad-signature", "The signature is not this wallet's over the typed data of this nonce.");
  const token = ids.secret(TOKEN_BYTES);
  const expiresAt = new Date(now.getTime() + SESSION_MS);
  await db.transaction(async (tx) => {
    if (!(await useNonce(tx, nonce, address, now))) throw badNonce();
    await openAccount(deps, tx, address, now);
    await insertSession(tx, { tokenHash: hashToken(token), account: address, createdAt: now, expiresAt });
  });
  return { token, account: address, expiresAt };
}

function badNonce(): AppError {
  return new AppError("bad-nonce", "Ask for a new nonce: this one is unknown, used, expired or another account's.");
}
