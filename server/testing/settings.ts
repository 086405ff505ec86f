// What an operator of the tests decided.
import type { Deps, Settings } from "../deps.ts";

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
  appsDomain: null,
  walletConnectProjectId: null,
};

/** So high that no check follows any job: tests that want some say so. */
export const NO_CHECKS = () => 0.999;

/** Where all that a process leans on is there, and no Kubernetes is configured. */
export const ALL_ANSWER: Deps["answers"] = { queue: async () => true, cluster: null };

/** Where a test reaches into nothing. */
const unreached = () => Promise.reject(new Error("this test reaches into no execution"));
export const NOTHING_INSIDE: Deps["inside"] = {
  agent: {
    logs: () => {
      throw new Error("this test reads no logs");
    },
    exec: unreached,
    connect: unreached,
  },
  pods: null,
};
