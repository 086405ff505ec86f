// How Next builds the console. It runs behind web/main.ts, which serves the wire and the streams itself.
import type { NextConfig } from "next";

const config: NextConfig = {
  poweredByHeader: false,
  reactStrictMode: true,
  // The whole tree is checked at once by `tsc`, scripts and worker included; a second check here would only cost time.
  typescript: { ignoreBuildErrors: true },
  // Native or stateful packages stay outside the bundle, so that the pages and web/main.ts share one copy.
  serverExternalPackages: ["postgres", "pg", "bullmq", "pino", "prom-client", "ssh2", "@lydell/node-pty"],
  // No page waits for what it is called. Streamed, its title would come after the page, and a page that is read again
  // would have none in between.
  htmlLimitedBots: /.*/,
  devIndicators: false,
  images: { unoptimized: true },
};

export default config;
