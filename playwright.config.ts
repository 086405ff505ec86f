// A real browser against the real stack: `up` with its demo providers, on a port and data of its own.
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig, devices } from "@playwright/test";
import { findChromium } from "./scripts/chromium.ts";

const port = Number(process.env.BERTH_E2E_PORT ?? 18_473);
const dataDir = join(tmpdir(), `berth-e2e-${port}`);
const executablePath = findChromium(process.env);

export default defineConfig({
  testDir: "e2e",
  testMatch: "**/*.spec.ts",
  // One stack, two cores: tests of a file follow each other, files do too.
  workers: 1,
  timeout: 180_000,
  expect: { timeout: 30_000 }, // a machine that is five times slower is late with every page, in both tries
  forbidOnly: Boolean(process.env.CI),
  retries: 1, // `npm test` names what needed it
  reporter: "list",
  use: {
    baseURL: `http://127.0.0.1:${port}`,
    locale: "en-GB",
    timezoneId: "UTC",
    trace: "retain-on-failure",
    screenshot: "only-on-failure",
    launchOptions: executablePath ? { executablePath } : {},
  },
  projects: [
    { name: "desktop", use: { ...devices["Desktop Chrome"], viewport: { width: 1360, height: 900 } } },
    // The guide runs in a terminal and a cluster has no width; the pages of both are tested elsewhere.
    { name: "phone", use: { ...devices["Pixel 7"] }, testIgnore: ["guide.spec.ts", "kubernetes.spec.ts"] },
  ],
  webServer: {
    command: `exec node --import tsx scripts/up/main.ts --port ${port} --data-dir ${dataDir} --reset`,
    // `/ready` answers before the providers are on the market; this line comes after.
    wait: { stdout: /Berth is up/ },
    timeout: 300_000,
    gracefulShutdown: { signal: "SIGTERM", timeout: 60_000 },
    stderr: "pipe",
  },
});
