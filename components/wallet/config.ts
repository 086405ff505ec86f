// The wallets a visitor may log in with: what the browser holds, WalletConnect where it is set up, the demo's own.

import { mainnet } from "viem/chains";
import { createConfig, http } from "wagmi";
import { injected, walletConnect } from "wagmi/connectors";
import { demoWallet } from "./demo-connector.ts";
import type { LoginOptions } from "./options.ts";

export function walletConfig({ demo, walletConnectProjectId }: LoginOptions) {
  return createConfig({
    chains: [mainnet],
    transports: { [mainnet.id]: http() },
    // Nothing is kept: the session is the cookie, the wallet is asked only to sign in.
    storage: null,
    connectors: [
      ...(demo ? [demoWallet()] : []),
      injected(),
      ...(walletConnectProjectId ? [walletConnect({ projectId: walletConnectProjectId })] : []),
    ],
  });
}
