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

export function newHostKey(): HostKey {
  const { private: privateKey, public: publicKey } = ssh2.utils.generateKeyPairSync("ed25519");
  return { privateKey, publicKey, fingerprint: fingerprintOf(Buffer.from(publicKey.split(" ")[1] ?? "", "base64")) };
}

/** @param blob an SSH public key in wire format */
export function fingerprintOf(blob: Uint8Array): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}
