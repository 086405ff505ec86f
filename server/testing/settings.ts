// What an operator of the tests decided.
import type { Settings } from "../deps.ts";

export const TEST_SECRET_KEY = "5a".repeat(32);

export const TEST_SETTINGS: Settings = {
  version: "test",
  demo: true,
  publicUrl: "http://127.0.0.1:8080",
  platformFeeBps: 1_000,
  anonymousAccount: null,
  operators: [],
  welcomePromotion: 25_000_000n,
  admission: { agent: "automatic", node: "manual" },
  tenantMaxGpus: 8,
  labelPrefix: "berth.dev",
  workspaceRegistry: "localhost",
  allowUnsignedStreams: false,
  walletConnectProjectId: null,
};
