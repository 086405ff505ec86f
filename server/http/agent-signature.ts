// Whether a request was signed by the machine it speaks for (protocol/agent.ts says over what).
import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { AppError } from "../../domain/errors.ts";
import { SIGNATURE_HEADERS, signedText } from "../../protocol/agent.ts";
import { headerOf, type WireRequest } from "./message.ts";

const MAX_SKEW_MS = 5 * 60_000;
const SIGNATURE_BYTES = 64;

/**
 * @param publicKey Ed25519, SPKI DER, base64: the provider's
 * @param raw the body as sent
 * @returns the sequence number that was signed
 * @throws AppError `bad-signature`
 */
export function verifyAgent(
  request: Pick<WireRequest, "method" | "target" | "headers">,
  raw: Buffer,
  publicKey: string,
  now: Date,
): number {
  const time = headerOf(request.headers, SIGNATURE_HEADERS.time) ?? "";
  const sequence = headerOf(request.headers, SIGNATURE_HEADERS.sequence) ?? "";
  const signature = headerOf(request.headers, SIGNATURE_HEADERS.signature) ?? "";
  if (
    !/^\d{4}-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d)$/.test(time) ||
    !/^[1-9]\d{0,15}$/.test(sequence) ||
    !/^[A-Za-z0-9+/]{86}==$/.test(signature)
  )
    throw badSignature(`Sign with ${Object.values(SIGNATURE_HEADERS).join(", ")}.`);
  const skewMs = Math.abs(now.getTime() - Date.parse(time));
  if (!(skewMs <= MAX_SKEW_MS))
    throw badSignature("The time of the signature is more than 5 minutes from ours: check the machine's clock.");
  const bodyHash = createHash("sha256").update(raw).digest("hex");
  const text = signedText(request.method, request.target, time, Number(sequence), bodyHash);
  const bytes = Buffer.from(signature, "base64");
  if (bytes.byteLength !== SIGNATURE_BYTES || !verify(null, Buffer.from(text), ed25519(publicKey), bytes))
    throw badSignature("The signature is not of this provider's key over this request.");
  return Number(sequence);
}

/** Keys by their text, so that a beat does not parse its key anew. The oldest goes when there are too many. */
const parsed = new Map<string, KeyObject>();
const MOST_PARSED = 20_000;

function ed25519(publicKey: string): KeyObject {
  const known = parsed.get(publicKey);
  if (known) return known;
  const key = createPublicKey({ key: Buffer.from(publicKey, "base64"), format: "der", type: "spki" });
  if (key.asymmetricKeyType !== "ed25519") throw new Error("a provider's key is not Ed25519");
  const [oldest] = parsed.keys();
  if (parsed.size >= MOST_PARSED && oldest !== undefined) parsed.delete(oldest);
  parsed.set(publicKey, key);
  return key;
}

function badSignature(detail: string): AppError {
  return new AppError("bad-signature", detail);
}
