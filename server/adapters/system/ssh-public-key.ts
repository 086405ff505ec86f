// Reads one OpenSSH public key line, strictly: what is stored ends up in an authorized_keys file.
import { createPublicKey } from "node:crypto";
import ssh2 from "ssh2";
import { AppError } from "../../../domain/errors.ts";
import { fingerprintOf } from "./host-key.ts";

const MAX_CHARACTERS = 16_384;
const RSA_BITS = { min: 2_048, max: 16_384 } as const;

/** Curve of each ECDSA type: its SSH name, its JWK name, bytes of a coordinate. */
const CURVES = {
  "ecdsa-sha2-nistp256": { name: "nistp256", jwk: "P-256", bytes: 32 },
  "ecdsa-sha2-nistp384": { name: "nistp384", jwk: "P-384", bytes: 48 },
  "ecdsa-sha2-nistp521": { name: "nistp521", jwk: "P-521", bytes: 66 },
} as const;

/** For every type that is accepted, what must follow its name in the wire format. */
const SHAPES: Readonly<Record<string, (wire: Wire) => void>> = {
  "ssh-ed25519": readEd25519,
  "ssh-rsa": readRsa,
  "ecdsa-sha2-nistp256": (wire) => readEcdsa(wire, "ecdsa-sha2-nistp256"),
  "ecdsa-sha2-nistp384": (wire) => readEcdsa(wire, "ecdsa-sha2-nistp384"),
  "ecdsa-sha2-nistp521": (wire) => readEcdsa(wire, "ecdsa-sha2-nistp521"),
};
const ACCEPTED = "ssh-ed25519, ecdsa-sha2-nistp256/384/521 or ssh-rsa";

export interface PublicKey {
  readonly type: string;
  /** `type base64`, nothing else */
  readonly publicKey: string;
  readonly fingerprint: string;
  readonly comment: string;
}

/**
 * Spaces and line ends around the key are dropped; everything else must be right to the byte.
 * @throws AppError `bad-request` that names the field `public_key`
 */
export function parsePublicKey(text: string): PublicKey {
  if (text.length > MAX_CHARACTERS) throw refused("The key is too long.");
  if (/PRIVATE KEY|PuTTY-User-Key-File/.test(text)) {
    throw refused("This is a private key. Keep it to yourself and give the file that ends in .pub.");
  }
  const line = text.trim();
  if (/[\p{C}\p{Zl}\p{Zp}]/u.test(line)) throw refused("Give one key on one line, without control characters.");
  const [type = "", base64 = "", ...comment] = line.split(/ +/);
  const readShape = Object.hasOwn(SHAPES, type) ? SHAPES[type] : undefined;
  if (!readShape) throw refused(whyNot(type, line));
  const blob = Buffer.from(base64, "base64");
  if (base64 === "" || blob.toString("base64") !== base64) throw refused("The key is not valid base64.");
  const wire = new Wire(blob);
  if (wire.string().toString("latin1") !== type) throw refused("The key says another type inside than outside.");
  readShape(wire);
  wire.end();
  const publicKey = `${type} ${base64}`;
  if (ssh2.utils.parseKey(publicKey) instanceof Error) throw refused("The key cannot be read.");
  return { type, publicKey, fingerprint: fingerprintOf(blob), comment: comment.join(" ") };
}

function whyNot(type: string, line: string): string {
  if (type === "ssh-dss") return `DSA keys are no longer safe. Give ${ACCEPTED}.`;
  if (type.startsWith("sk-")) return `Keys of hardware tokens (sk-…) are not supported yet. Give ${ACCEPTED}.`;
  if (type.includes("-cert-v01@")) return `Certificates are not supported. Give ${ACCEPTED}.`;
  if (Object.keys(SHAPES).some((known) => line.includes(`${known} `))) {
    return "Options before the key are not allowed. Begin with the type, such as ssh-ed25519.";
  }
  return `The key must begin with its type: ${ACCEPTED}.`;
}

function readEd25519(wire: Wire): void {
  if (wire.string().length !== 32) throw refused("An ed25519 key must have 32 bytes.");
}

function readEcdsa(wire: Wire, type: keyof typeof CURVES): void {
  const curve = CURVES[type];
  if (wire.string().toString("latin1") !== curve.name) throw refused("The key names another curve than its type.");
  const point = wire.string();
  if (point.length !== 1 + 2 * curve.bytes || point[0] !== 4) throw refused("The key's point has a wrong size.");
  const x = point.subarray(1, 1 + curve.bytes).toString("base64url");
  const y = point.subarray(1 + curve.bytes).toString("base64url");
  try {
    createPublicKey({ key: { kty: "EC", crv: curve.jwk, x, y }, format: "jwk" });
  } catch (cause) {
    throw refused("The key's point is not on its curve.", cause);
  }
}

function readRsa(wire: Wire): void {
  const exponent = wire.positive();
  const modulus = wire.positive();
  const bits = modulus.toString(2).length;
  if (bits < RSA_BITS.min) throw refused(`An RSA key needs at least ${RSA_BITS.min} bits; this one has ${bits}.`);
  if (bits > RSA_BITS.max) throw refused(`An RSA key may have at most ${RSA_BITS.max} bits.`);
  if (exponent < 3n || exponent % 2n === 0n || exponent >= 1n << 64n) throw refused("The RSA exponent is not valid.");
  if (modulus % 2n === 0n) throw refused("The RSA modulus is not valid.");
}

/** Reads RFC 4251's strings and integers; whatever is cut short or left over is refused. */
class Wire {
  private at = 0;
  constructor(private readonly blob: Buffer) {}

  string(): Buffer {
    if (this.at + 4 > this.blob.length) throw refused("The key is truncated.");
    const start = this.at + 4;
    const end = start + this.blob.readUInt32BE(this.at);
    if (end > this.blob.length) throw refused("The key is truncated.");
    this.at = end;
    return this.blob.subarray(start, end);
  }

  /** A positive integer in its one shortest form. */
  positive(): bigint {
    const bytes = this.string();
    const [first = 0, second = 0] = bytes;
    if (bytes.length === 0 || first >= 0x80 || (first === 0 && second < 0x80)) {
      throw refused("The key holds a number that is not in its shortest positive form.");
    }
    return BigInt(`0x${bytes.toString("hex")}`);
  }

  end(): void {
    if (this.at !== this.blob.length) throw refused("The key has bytes behind its end.");
  }
}

function refused(message: string, cause?: unknown): AppError {
  return new AppError("bad-request", message, { fields: [{ field: "public_key", message }], cause });
}
