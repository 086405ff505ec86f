// What a wallet is asked to sign: typed data bound to this broker, this account and five minutes.
import type { LoginTypedData } from "../../../protocol/operations/account.ts";
import type { Deps } from "../../deps.ts";
import { insertNonce } from "../../repos/nonces.ts";

const NONCE_MS = 5 * 60_000;
const NONCE_BYTES = 24;

export interface Nonce {
  readonly address: string;
  readonly nonce: string;
  readonly typedData: LoginTypedData;
  readonly expiresAt: Date;
}

/** @param address lower case */
export async function createNonce(
  deps: Pick<Deps, "db" | "clock" | "ids" | "settings">,
  address: string,
): Promise<Nonce> {
  const issuedAt = deps.clock.now();
  const expiresAt = new Date(issuedAt.getTime() + NONCE_MS);
  const nonce = deps.ids.secret(NONCE_BYTES);
  await insertNonce(deps.db, { nonce, address, issuedAt, expiresAt });
  return {
    address,
    nonce,
    typedData: loginTypedData(deps.settings.publicUrl, address, nonce, issuedAt, expiresAt),
    expiresAt,
  };
}

/** Says the same again for the same nonce, so that a signature can be checked. Instants in whole seconds. */
export function loginTypedData(
  origin: string,
  account: string,
  nonce: string,
  issuedAt: Date,
  expiresAt: Date,
): LoginTypedData {
  return {
    domain: { name: "Berth", version: "1" },
    types: {
      EIP712Domain: [
        { name: "name", type: "string" },
        { name: "version", type: "string" },
      ],
      Login: [
        { name: "origin", type: "string" },
        { name: "account", type: "address" },
        { name: "nonce", type: "string" },
        { name: "issuedAt", type: "uint256" },
        { name: "expiresAt", type: "uint256" },
      ],
    },
    primaryType: "Login",
    message: { origin, account, nonce, issuedAt: seconds(issuedAt), expiresAt: seconds(expiresAt) },
  };
}

function seconds(at: Date): string {
  return String(Math.floor(at.getTime() / 1000));
}
