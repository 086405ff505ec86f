// Finds the browser that the end-to-end tests drive: the machine's own, or the one Playwright keeps.
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium } from "@playwright/test";

const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"];
const ELSEWHERE = ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/snap/bin/chromium"];

export const CHROMIUM_MISSING = [
  "The end-to-end tests need a Chromium, and this machine has none that was found. One of these mends it:",
  "  sudo apt-get install chromium              (Debian)",
  "  npx playwright install --with-deps chromium   (anywhere)",
  "  CHROMIUM_PATH=/path/to/chrome npm test        (one that is somewhere else)",
].join("\n");

/** @returns a path that exists, CHROMIUM_PATH before all others; undefined where there is none */
export function findChromium(env: NodeJS.ProcessEnv): string | undefined {
  if (env.CHROMIUM_PATH) return existsSync(env.CHROMIUM_PATH) ? env.CHROMIUM_PATH : undefined;
  const folders = (env.PATH ?? "").split(delimiter).filter(Boolean);
  const candidates = [
    ...NAMES.flatMap((name) => folders.map((folder) => join(folder, name))),
    ...ELSEWHERE,
    chromium.executablePath(),
  ];
  return candidates.find((path) => existsSync(path));
}
