// Whether a request was signed by the machine it speaks for (protocol/agent.ts says over what).
import { createHash, type KeyObject, verify } from "node:crypto";
import { AppError } from "../../domain/errors.ts";
import { SIGNATURE_HEADERS, signedText } from "../../protocol/agent.ts";
import { headerOf, type WireRequest } from "./message.ts";

const MAX_SKEW_MS = 5 * 60_000;
const SIGNATURE_BYTES = 64;

/**
 * @param key the provider's, Ed25519
 * @param raw the body as sent
 * @returns the sequence number that was signed
 * @throws AppError `bad-signature`
 */
export function verifyAgent(
  request: Pick<WireRequest, "method" | "target" | "headers">,
  raw: Buffer,
  key: KeyObject,
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
  if (bytes.byteLength !== SIGNATURE_BYTES || !verify(null, Buffer.from(text), key, bytes))
    throw badSignature("The signature is not of this provider's key over this request.");
  return Number(sequence);
}

function badSignature(detail: string): AppError {
  return new AppError("bad-signature", detail);
}
