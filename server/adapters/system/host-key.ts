// The SSH host key of an execution: made by the broker, shown to the customer before the first login.
import { createHash } from "node:crypto";
import ssh2 from "ssh2";

export interface HostKey {
  /** OpenSSH's own PEM format */
  readonly privateKey: string;
  /** `ssh-ed25519 AAAA…` */
  readonly publicKey: string;
  /** `SHA256:…` as ssh-keygen prints it */
  readonly fingerprint: string;
}

/** ssh2 drops the leading zero byte of one public key in 256 and so writes a key nobody can read: it draws again. */
export function newHostKey(): HostKey {
  for (;;) {
    const { private: privateKey, public: publicKey } = ssh2.utils.generateKeyPairSync("ed25519");
    const key = ssh2.utils.parseKey(privateKey);
    if (key instanceof Error) continue;
    const blob = key.getPublicSSH();
    if (publicKey !== `ssh-ed25519 ${blob.toString("base64")}`) continue;
    return { privateKey, publicKey, fingerprint: fingerprintOf(blob) };
  }
}

/** @param blob an SSH public key in wire format */
export function fingerprintOf(blob: Uint8Array): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}
