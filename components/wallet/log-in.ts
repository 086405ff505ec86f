// The login: connect, fetch a nonce, sign it, trade it for a session cookie.
import { signIn } from "next-auth/react";
import type { Config, Connector } from "wagmi";
import { connect, disconnect, signTypedData } from "wagmi/actions";
import { accountOperations } from "../../protocol/operations/account.ts";
import { Problem } from "../../protocol/problem.ts";

async function fetchNonce(address: string) {
  const answer = await fetch("/api/v1/auth/nonce", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ address }),
  });
  const json: unknown = await answer.json();
  if (!answer.ok) {
    const problem = Problem.safeParse(json);
    throw new Error(problem.success ? problem.data.detail : `The broker answered ${answer.status}.`);
  }
  return accountOperations.createNonce.response.parse(json);
}

/** @throws Error with a sentence for the visitor, or the wallet's own */
export async function logIn(config: Config, connector: Connector): Promise<void> {
  const { accounts } = await connect(config, { connector });
  try {
    const [address] = accounts;
    const { nonce, typed_data: typed } = await fetchNonce(address);
    if (typed.message.origin !== location.origin) {
      throw new Error(`This broker logs in at ${typed.message.origin}; open that address instead.`);
    }
    const signature = await signTypedData(config, {
      connector,
      domain: typed.domain,
      types: { Login: typed.types.Login },
      primaryType: typed.primaryType,
      message: {
        ...typed.message,
        issuedAt: BigInt(typed.message.issuedAt),
        expiresAt: BigInt(typed.message.expiresAt),
      },
    });
    const result = await signIn("credentials", { redirect: false, address: address.toLowerCase(), nonce, signature });
    if (!result?.ok) throw new Error("The signature was refused. Ask for a new one and sign again.");
  } finally {
    await disconnect(config, { connector });
  }
}

/** A wallet's error as one sentence: viem puts the useful one first. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return "The wallet gave no answer.";
  if (error.name === "ProviderNotFoundError") return "There is no wallet in this browser. Install one, then try again.";
  if ("shortMessage" in error && typeof error.shortMessage === "string") return error.shortMessage;
  return error.message;
}
