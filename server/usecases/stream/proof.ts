// Whether a message of a stream is of the machine it speaks for.
import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { signedText } from "../../../protocol/agent.ts";
import type { Deps } from "../../deps.ts";
import type { StreamMachine } from "../../repos/stream.ts";
import { type Message, Refused } from "./message.ts";

/**
 * Whether a message is its machine's own. One that has a key must sign, whatever the operator allows others.
 * @throws Refused `unsigned`, `forged`
 */
export function provenBy(
  { settings }: Pick<Deps, "settings">,
  stream: string,
  message: Message<{ provider_id: string }>,
  machine: StreamMachine,
): void {
  const name = message.data.provider_id;
  if (message.signature !== null) {
    if (!isSignedBy(stream, message, machine.publicKey)) throw forged(name);
  } else if (!settings.allowUnsignedStreams || machine.publicKey !== keyOfNobody(machine.externalId ?? "")) {
    throw unsigned(name);
  }
}

export function forged(name: string): Refused {
  return new Refused("forged", "The signature is not of this machine's key over this message.", name);
}

export function unsigned(name: string): Refused {
  return new Refused("unsigned", "The message is not signed. Sign it with the machine's key, and send a token.", name);
}

const SIGNATURE = /^[A-Za-z0-9+/]{86}==$/;

/**
 * The one signature scheme of agents (`signedText`): method XADD, the stream's name for a path, and the body is `data`.
 * @param publicKey Ed25519, SPKI DER, base64
 */
export function isSignedBy(stream: string, message: Message<unknown>, publicKey: string): boolean {
  const { signature, timestamp, sequence, entry } = message;
  if (signature === null || !SIGNATURE.test(signature)) return false;
  const bodyHash = createHash("sha256")
    .update(entry.fields.data ?? "")
    .digest("hex");
  const signed = signedText("XADD", stream, timestamp, sequence, bodyHash);
  const key = ed25519(publicKey);
  return key !== null && verify(null, Buffer.from(signed), key, Buffer.from(signature, "base64"));
}

function ed25519(publicKey: string): KeyObject | null {
  try {
    const key = createPublicKey({ key: Buffer.from(publicKey, "base64"), format: "der", type: "spki" });
    return key.asymmetricKeyType === "ed25519" ? key : null;
  } catch {
    return null;
  }
}

const SPKI_ED25519 = Buffer.from("302a300506032b6570032100", "hex");

/**
 * What stands for a key where a machine registered without one: bytes whose private half nobody can know, so that
 * nothing can ever be signed for it.
 */
export function keyOfNobody(name: string): string {
  const point = createHash("sha256").update(`berth: no key of ${name}`).digest();
  return Buffer.concat([SPKI_ED25519, point]).toString("base64");
}
