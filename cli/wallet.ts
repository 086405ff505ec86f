// The wallet of a login: its key comes from a file, a keystore, the environment or a person, signs, and is forgotten.
import * as Keystore from "ox/Keystore";
import { read } from "read";
import { isHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { z } from "zod";
import { DEMO_WALLET_KEY } from "../domain/demo.ts";
import type { LoginTypedData } from "../protocol/operations/account.ts";
import { CliError } from "./errors.ts";
import { readText } from "./inputs.ts";
import type { Io } from "./io.ts";

export interface WalletFlags {
  readonly keyFile?: string;
  readonly keystore?: string;
  readonly passwordFile?: string;
  readonly demo?: boolean;
}

export interface Wallet {
  /** lower case */
  readonly address: string;
  signLogin(message: LoginTypedData["message"]): Promise<`0x${string}`>;
}

/** Ours, whatever a broker sends: nothing else than a login of Berth can be signed here. */
const LOGIN = {
  domain: { name: "Berth", version: "1" },
  types: {
    Login: [
      { name: "origin", type: "string" },
      { name: "account", type: "address" },
      { name: "nonce", type: "string" },
      { name: "issuedAt", type: "uint256" },
      { name: "expiresAt", type: "uint256" },
    ],
  },
  primaryType: "Login",
} as const;

/** @throws CliError where no key is named, or it is none */
export async function walletFrom(io: Io, flags: WalletFlags): Promise<Wallet> {
  const account = privateKeyToAccount(await privateKey(io, flags));
  return {
    address: account.address.toLowerCase(),
    signLogin: ({ origin, account: signer, nonce, issuedAt, expiresAt }) => {
      if (!isHex(signer)) throw new CliError("The broker's nonce is of no wallet.");
      const message = { origin, account: signer, nonce, issuedAt: BigInt(issuedAt), expiresAt: BigInt(expiresAt) };
      return account.signTypedData({ ...LOGIN, message });
    },
  };
}

async function privateKey(io: Io, { keyFile, keystore, passwordFile, demo }: WalletFlags): Promise<`0x${string}`> {
  if ([keyFile, keystore, demo].filter(Boolean).length > 1)
    throw new CliError("More than one wallet is named.", { remedy: "Give one of --key-file, --keystore and --demo." });
  if (demo) return DEMO_WALLET_KEY;
  if (keystore !== undefined) return fromKeystore(await readText(io, keystore), await passwordOf(io, passwordFile));
  if (keyFile !== undefined) return asKey(await readText(io, keyFile));
  if (io.env.BERTH_PRIVATE_KEY) return asKey(io.env.BERTH_PRIVATE_KEY);
  if (io.interactive) return asKey(await ask("Private key (not shown, not kept): "));
  throw new CliError("No wallet is named.", {
    remedy: "Give --key-file FILE, --keystore FILE, BERTH_PRIVATE_KEY or --api-key; in a demo --demo.",
  });
}

function asKey(text: string): `0x${string}` {
  const digits = text.trim().replace(/^0x/i, "");
  const key = `0x${digits}` as const;
  // A key of zeros or beyond the curve's order is refused by the curve itself.
  if (!/^[0-9a-fA-F]{64}$/.test(digits) || !isOnCurve(key))
    throw new CliError("That is no private key.", { remedy: "A private key is 64 hexadecimal digits." });
  return key;
}

function isOnCurve(key: `0x${string}`): boolean {
  try {
    privateKeyToAccount(key);
    return true;
  } catch {
    return false;
  }
}

const hex = z.string().regex(/^[0-9a-fA-F]+$/);
const count = z.int().min(1).max(100_000_000);
const KeystoreFile = z.object({
  version: z.literal(3),
  id: z.string().default(""),
  crypto: z
    .object({ cipher: z.literal("aes-128-ctr"), ciphertext: hex, cipherparams: z.object({ iv: hex }), mac: hex })
    .and(
      z.discriminatedUnion("kdf", [
        z.object({
          kdf: z.literal("scrypt"),
          kdfparams: z.object({ dklen: count, n: count, p: count, r: count, salt: hex }),
        }),
        z.object({
          kdf: z.literal("pbkdf2"),
          kdfparams: z.object({ c: count, dklen: count, prf: z.literal("hmac-sha256"), salt: hex }),
        }),
      ]),
    ),
});

function fromKeystore(text: string, password: string): `0x${string}` {
  const parsed = KeystoreFile.safeParse(fromJson(text));
  if (!parsed.success)
    throw new CliError("That is no keystore.", { remedy: "It has to be Web3 secret storage, version 3, in JSON." });
  try {
    return asKey(Keystore.decrypt(parsed.data, Keystore.toKey(parsed.data, { password })));
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError("The keystore does not open.", { remedy: "Is the password right?" });
  }
}

async function passwordOf(io: Io, file: string | undefined): Promise<string> {
  if (file !== undefined) return (await readText(io, file)).replace(/\r?\n$/, "");
  if (io.interactive) return ask("Password of the keystore: ");
  throw new CliError("The keystore needs a password.", { remedy: "Give --password-file FILE" });
}

async function ask(prompt: string): Promise<string> {
  return read({ prompt, silent: true, output: process.stderr });
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
