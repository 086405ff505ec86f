// Which wallets a page may offer; the server decides.
export interface LoginOptions {
  /** offers the built-in test wallet */
  readonly demo: boolean;
  /** offers WalletConnect */
  readonly walletConnectProjectId: string | null;
}
