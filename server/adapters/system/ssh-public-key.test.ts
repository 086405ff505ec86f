import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import ssh2 from "ssh2";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isAppError } from "../../../domain/errors.ts";
import { newHostKey } from "./host-key.ts";
import { parsePublicKey } from "./ssh-public-key.ts";

const run = promisify(execFile);
const KINDS = [
  ["ssh-ed25519", "ed25519", "256"],
  ["ecdsa-sha2-nistp256", "ecdsa", "256"],
  ["ecdsa-sha2-nistp384", "ecdsa", "384"],
  ["ecdsa-sha2-nistp521", "ecdsa", "521"],
  ["ssh-rsa", "rsa", "2048"],
] as const;

let folder: string;
const lines = new Map<string, string>();
const fingerprints = new Map<string, string>();

async function keygen(name: string, kind: string, bits: string): Promise<string> {
  const file = join(folder, name);
  await run("ssh-keygen", ["-q", "-t", kind, "-b", bits, "-N", "", "-C", "ann@laptop", "-f", file]);
  return file;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-keys-"));
  for (const [type, kind, bits] of KINDS) {
    const file = await keygen(type, kind, bits);
    lines.set(type, await readFile(`${file}.pub`, "utf8"));
    const { stdout } = await run("ssh-keygen", ["-l", "-f", `${file}.pub`]);
    fingerprints.set(type, stdout.split(" ")[1] ?? "");
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function refusalOf(text: string): string {
  try {
    parsePublicKey(text);
  } catch (error) {
    if (!isAppError(error)) throw error;
    expect(error.code).toBe("bad-request");
    expect(error.extras.fields).toEqual([{ field: "public_key", message: error.detail }]);
    return error.detail;
  }
  throw new Error(`accepted: ${text}`);
}
const lineOf = (type: string) => (lines.get(type) ?? "").trim();
const blobOf = (type: string) => Buffer.from(lineOf(type).split(" ")[1] ?? "", "base64");
const asLine = (type: string, blob: Uint8Array) => `${type} ${Buffer.from(blob).toString("base64")}`;
const field = (bytes: Uint8Array | string) => {
  const body = Buffer.from(bytes);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(body.length);
  return Buffer.concat([size, body]);
};

test.each(KINDS)("a %s key of ssh-keygen is accepted, normalised, and has ssh-keygen's fingerprint", (type) => {
  const key = parsePublicKey(lines.get(type) ?? "");
  expect(key).toEqual({
    type,
    publicKey: lineOf(type).split(" ").slice(0, 2).join(" "),
    fingerprint: fingerprints.get(type),
    comment: "ann@laptop",
  });
  expect(parsePublicKey(key.publicKey)).toEqual({ ...key, comment: "" });
});

test("a key cut anywhere, or with bytes behind its end, is refused", () => {
  for (const [type] of KINDS) {
    const blob = blobOf(type);
    for (let length = 0; length < blob.length; length++) refusalOf(asLine(type, blob.subarray(0, length)));
    expect(refusalOf(asLine(type, Buffer.concat([blob, Buffer.alloc(1)])))).toMatch(/behind its end/);
  }
});

test("options before the key never reach an authorized_keys file", () => {
  const line = lineOf("ssh-ed25519");
  expect(refusalOf(`command="rm -rf /" ${line}`)).toMatch(/Options/);
  expect(refusalOf(`no-pty,from="*" ${line}`)).toMatch(/Options/);
});

test("one line is one key: no second line, no control character, not even in the comment", () => {
  const line = lineOf("ssh-ed25519");
  for (const bad of ["\n", "\r", "\0", "\t", "\u0085", "\u2028", "\u200b", "\u001b[2J"]) {
    refusalOf(`${line}${bad}${line}`);
    refusalOf(line.replace(" ", ` ${bad}`));
  }
  expect(parsePublicKey(`  ${line}\r\n`).type).toBe("ssh-ed25519");
});

test("a private key is refused with a warning, not echoed", async () => {
  const text = await readFile(join(folder, "ssh-ed25519"), "utf8");
  const refusal = refusalOf(text);
  expect(refusal).toMatch(/private key/);
  expect(refusal).not.toContain(text.slice(50, 80));
});

test("weak, unsupported and dressed-up keys are refused with a reason that helps", async () => {
  const small = await readFile(`${await keygen("small", "rsa", "1024")}.pub`, "utf8");
  expect(refusalOf(small)).toMatch(/at least 2048 bits; this one has 1024/);
  expect(refusalOf("ssh-dss AAAAB3NzaC1kc3MAAACBAP")).toMatch(/DSA/);
  expect(refusalOf("sk-ssh-ed25519@openssh.com AAAAGnNr")).toMatch(/not supported yet/);
  expect(refusalOf("ssh-ed25519-cert-v01@openssh.com AAAAIHNz")).toMatch(/Certificates/);
  expect(refusalOf(asLine("ssh-ed25519", blobOf("ssh-rsa")))).toMatch(/another type/);
  expect(refusalOf(asLine("ssh-rsa", blobOf("ssh-ed25519")))).toMatch(/another type/);
  expect(refusalOf("__proto__ AAAA")).toMatch(/must begin with its type/);
  expect(refusalOf("")).toMatch(/must begin with its type/);
});

test("a point that is not on its curve is refused", () => {
  const blob = Buffer.from(blobOf("ecdsa-sha2-nistp256"));
  blob.writeUInt8((blob.at(-1) ?? 0) ^ 1, blob.length - 1);
  expect(refusalOf(asLine("ecdsa-sha2-nistp256", blob))).toMatch(/curve/);
});

test("RSA numbers count only in their shortest positive form", () => {
  const modulus = Buffer.alloc(257, 0xff);
  modulus[0] = 0;
  const key = (e: number[], n: Uint8Array) =>
    asLine("ssh-rsa", Buffer.concat([field("ssh-rsa"), field(Buffer.from(e)), field(n)]));
  expect(parsePublicKey(key([1, 0, 1], modulus)).type).toBe("ssh-rsa");
  refusalOf(key([0, 1, 0, 1], modulus)); // padded exponent
  refusalOf(key([1], modulus));
  refusalOf(key([4], modulus));
  refusalOf(key([1, 0, 1], modulus.subarray(1))); // negative
  refusalOf(key([1, 0, 1], Buffer.concat([Buffer.alloc(1), modulus])));
});

test("whatever is done to a key, the answer is a key or a refusal, never a crash", () => {
  const anyKey = fc.constantFrom(...KINDS.map(([type]) => type)).map((type) => ({ type, blob: blobOf(type) }));
  const mutated = fc.oneof(
    fc.tuple(anyKey, fc.nat(), fc.integer({ min: 0, max: 255 })).map(([{ type, blob }, at, byte]) => {
      const copy = Buffer.from(blob);
      copy[at % copy.length] = byte;
      return asLine(type, copy);
    }),
    fc.tuple(anyKey, fc.nat(), fc.string({ unit: "binary" })).map(([{ type, blob }, at, junk]) => {
      const line = asLine(type, blob);
      return line.slice(0, at % line.length) + junk + line.slice(at % line.length);
    }),
    fc
      .tuple(anyKey, fc.array(fc.uint8Array({ maxLength: 600 }), { maxLength: 4 }))
      .map(([{ type }, fields]) => asLine(type, Buffer.concat([field(type), ...fields.map((bytes) => field(bytes))]))),
    fc.string({ unit: "binary" }),
  );
  fc.assert(
    fc.property(mutated, (text) => {
      try {
        const key = parsePublicKey(text);
        expect(key.publicKey).toMatch(/^[a-z0-9-]+ [A-Za-z0-9+/]+={0,2}$/);
        expect(ssh2.utils.parseKey(key.publicKey)).not.toBeInstanceOf(Error);
      } catch (error) {
        if (!isAppError(error)) throw error;
      }
    }),
    { numRuns: 2_000 },
  );
}, 120_000);

test("every host key that is made can be read back, and says what it is", async () => {
  for (let made = 0; made < 2_000; made++) {
    const key = newHostKey();
    const parsed = ssh2.utils.parseKey(key.privateKey);
    if (parsed instanceof Error) throw parsed;
    expect(`ssh-ed25519 ${parsed.getPublicSSH().toString("base64")}`).toBe(key.publicKey);
    expect(parsePublicKey(key.publicKey).fingerprint).toBe(key.fingerprint);
    expect(parsed.verify("berth", parsed.sign("berth"))).toBe(true);
  }
}, 240_000);
