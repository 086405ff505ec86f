// Bearer tokens are kept as their SHA-256: they are random and long, so a plain hash is enough.
import { createHash } from "node:crypto";

export const API_KEY_PREFIX = "bk_";
export const TOKEN_BYTES = 32;

export function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
