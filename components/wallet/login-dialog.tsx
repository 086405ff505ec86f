"use client";
// The login dialog: choose a wallet, sign, done. Everything heavy (wagmi, viem, react-query, next-auth) hangs on this file.
import { QueryClient, QueryClientProvider, useMutation } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { type Connector, useConfig, useConnectors, WagmiProvider } from "wagmi";
import { Button } from "../ui/button.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Notice } from "../ui/notice.tsx";
import { walletConfig } from "./config.ts";
import { logIn, sentenceOf } from "./log-in.ts";
import type { LoginOptions } from "./options.ts";

interface LoginDialogProps {
  readonly options: LoginOptions;
  readonly open: boolean;
  readonly onOpenChange: (open: boolean) => void;
  /** called once the session stands, before the page is read again */
  readonly onLoggedIn?: () => void;
}

function Wallets({ onLoggedIn }: { readonly onLoggedIn: () => void }) {
  const config = useConfig();
  const connectors = useConnectors();
  const { refresh } = useRouter();
  const login = useMutation({
    mutationFn: (connector: Connector) => logIn(config, connector),
    onSuccess: () => {
      onLoggedIn();
      refresh();
    },
  });
  // A wallet that announces itself (EIP-6963) makes the nameless injected one a twin.
  const named = connectors.some((connector) => connector.type === "injected" && connector.id !== "injected");
  const offered = connectors.filter((connector) => connector.id !== "injected" || !named);
  return (
    <div className="grid gap-2">
      {offered.map((connector) => (
        <Button
          key={connector.uid}
          tone={connector.type === "berth-demo" ? "go" : "plain"}
          disabled={login.isPending}
          busy={login.isPending && login.variables.uid === connector.uid}
          onClick={() => login.mutate(connector)}
        >
          {connector.id === "injected" ? "Browser wallet" : connector.name}
        </Button>
      ))}
      <p className="text-ink-3 text-small" role="status">
        {login.isPending
          ? "Sign the login in your wallet."
          : "You sign a login for this address alone. It moves no money and is good for five minutes."}
      </p>
      {login.isError && (
        <Notice tone="bad" live>
          {sentenceOf(login.error)}
        </Notice>
      )}
    </div>
  );
}

export function LoginDialog({ options, open, onOpenChange, onLoggedIn }: LoginDialogProps) {
  const [config] = useState(() => walletConfig(options));
  const [queries] = useState(() => new QueryClient());
  return (
    <WagmiProvider config={config} reconnectOnMount={false}>
      <QueryClientProvider client={queries}>
        <Dialog title="Log in with a wallet" open={open} onOpenChange={onOpenChange}>
          <Wallets
            onLoggedIn={() => {
              onOpenChange(false);
              onLoggedIn?.();
            }}
          />
        </Dialog>
      </QueryClientProvider>
    </WagmiProvider>
  );
}
