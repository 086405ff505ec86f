// Who this machine is: an Ed25519 key made here whose private half never leaves, and the id the broker gave it.
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { ProviderId } from "../domain/ids.ts";
import { readJson, readText, writeJson, writeWhole } from "./files.ts";
import { idOf } from "./spec.ts";

export interface Identity {
  /** SPKI DER, base64: what enrolment sends. */
  readonly publicKey: string;
  /** @returns the Ed25519 signature, base64 */
  sign(text: string): string;
}

const Enrolment = z.object({
  provider_id: idOf("prov"),
});

/** Reads the key of this data directory, or makes one (file mode 0600). */
export async function openIdentity(dataDir: string): Promise<Identity> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const path = join(dataDir, "identity.pem");
  let pem = await readText(path);
  if (pem === undefined) {
    const made = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" });
    pem = made.toString();
    await writeWhole(path, pem, 0o600);
  }
  await chmod(path, 0o600);
  return identityOf(createPrivateKey(pem));
}

function identityOf(key: KeyObject): Identity {
  const publicKey = createPublicKey(key).export({ type: "spki", format: "der" }).toString("base64");
  return { publicKey, sign: (text) => sign(null, Buffer.from(text), key).toString("base64") };
}

export async function readProviderId(dataDir: string): Promise<ProviderId | undefined> {
  return (await readJson(join(dataDir, "provider.json"), Enrolment))?.provider_id;
}

export async function writeProviderId(dataDir: string, providerId: ProviderId): Promise<void> {
  await writeJson(join(dataDir, "provider.json"), { provider_id: providerId });
}

/** The broker's answer to an enrolment. */
export function parseEnrolment(answer: unknown): ProviderId {
  return Enrolment.parse(answer).provider_id;
}
