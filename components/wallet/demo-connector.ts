// The demo's built-in test wallet as a wagmi connector. Its key is public: it is for demos and nothing else.

import { createWalletClient, getAddress, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { mainnet } from "viem/chains";
import { createConnector } from "wagmi";
import { DEMO_WALLET_KEY } from "../../domain/demo.ts";

export function demoWallet() {
  const account = privateKeyToAccount(DEMO_WALLET_KEY);
  const address = getAddress(account.address);
  return createConnector(() => ({
    id: "berth-demo",
    name: "Demo wallet",
    type: "berth-demo",
    async connect<withCapabilities extends boolean = false>(given?: { withCapabilities?: withCapabilities | boolean }) {
      // wagmi types the two shapes by a flag that the compiler cannot follow here
      const accounts = given?.withCapabilities ? [{ address, capabilities: {} }] : [address];
      return { accounts: accounts as never, chainId: mainnet.id };
    },
    async disconnect() {},
    async getAccounts() {
      return [address];
    },
    async getChainId() {
      return mainnet.id;
    },
    async getProvider() {
      return null;
    },
    /** Signs in the page: the client carries the account, and nothing is sent anywhere. */
    async getClient() {
      return createWalletClient({ account, chain: mainnet, transport: http("http://127.0.0.1:9") });
    },
    async isAuthorized() {
      return false;
    },
    onAccountsChanged() {},
    onChainChanged() {},
    onDisconnect() {},
  }));
}
