// SSH host keys, made before the machine that shows them.
import { createHash } from "node:crypto";
import ssh2 from "ssh2";
import type { Ssh } from "../../deps.ts";

export const newHostKey: Ssh["newHostKey"] = () => {
  const { private: privateKey, public: line } = ssh2.utils.generateKeyPairSync("ed25519");
  const [type = "", blob = ""] = line.split(" ");
  const fingerprint = createHash("sha256").update(Buffer.from(blob, "base64")).digest("base64").replace(/=+$/, "");
  return { privateKey, publicKey: `${type} ${blob}`, fingerprint: `SHA256:${fingerprint}` };
};
