// Encrypts what must not be read from a database dump: AES-256-GCM, `v1.` and base64url of nonce, tag and text.
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { SecretBox } from "../../deps.ts";

const PREFIX = "v1.";
const CIPHER = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * @param hexKey 32 bytes as 64 hex characters
 * @throws when the key has another shape; `open` throws on anything this key did not seal
 */
export function secretBox(hexKey: string): SecretBox {
  if (!/^[0-9a-f]{64}$/i.test(hexKey)) throw new Error("the secret key must be 64 hex characters");
  const key = Buffer.from(hexKey, "hex");
  return {
    seal(plain) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, key, nonce);
      const text = Buffer.concat([cipher.update(plain, "utf8"), cipher.final()]);
      return PREFIX + Buffer.concat([nonce, cipher.getAuthTag(), text]).toString("base64url");
    },
    open(sealed) {
      if (!sealed.startsWith(PREFIX)) throw new Error("a sealed secret has an unknown version");
      const bytes = Buffer.from(sealed.slice(PREFIX.length), "base64url");
      if (bytes.length < NONCE_BYTES + TAG_BYTES) throw new Error("a sealed secret is truncated");
      const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
      decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
      try {
        const text = bytes.subarray(NONCE_BYTES + TAG_BYTES);
        return Buffer.concat([decipher.update(text), decipher.final()]).toString("utf8");
      } catch (cause) {
        throw new Error("a sealed secret was changed, or sealed with another key", { cause });
      }
    },
  };
}
