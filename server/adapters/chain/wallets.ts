// Whether a wallet signed: by its key, or, where a chain is configured, as a contract (ERC-1271, ERC-6492).
import { createPublicClient, http, verifyTypedData } from "viem";
import type { Wallets } from "../../deps.ts";

type Address = `0x${string}`;
const CHAIN_TIMEOUT_MS = 5_000;

/** @param chainRpcUrl null leaves only wallets that are a key */
export function createWallets(chainRpcUrl: string | null): Wallets {
  const transport = chainRpcUrl === null ? null : http(chainRpcUrl, { timeout: CHAIN_TIMEOUT_MS, retryCount: 1 });
  const chain = transport && createPublicClient({ transport });
  return {
    async signed(address, typedData, signature) {
      const { domain, types, primaryType, message } = typedData;
      const question = {
        address: asAddress(address),
        domain,
        types: { Login: types.Login },
        primaryType,
        message: { ...message },
        signature,
      };
      try {
        if (await verifyTypedData(question)) return true;
      } catch {
        // Not the shape of a key's signature; a contract's may have any.
      }
      return chain ? chain.verifyTypedData(question) : false;
    },
  };
}

function asAddress(address: string): Address {
  return `0x${address.slice(2)}`;
}
