// The web process: reads its environment, opens what it needs, then serves the wire and the pages until it is told to stop.
import { once } from "node:events";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { parseEnv } from "../server/env.ts";
import { createApps } from "../server/http/apps/apps.ts";
import { createDispatcher } from "../server/http/dispatch.ts";
import { createWebServer } from "../server/http/node-http.ts";
import { createTerminals } from "../server/http/terminal.ts";
import { webMetrics } from "../server/network-metrics.ts";
import { publish } from "../server/published.ts";
import { createRuntime } from "../server/runtime.ts";
import { openAnonymousAccount } from "../server/usecases/account/open-account.ts";
import { liveMarket } from "../server/usecases/provider/live-market.ts";
import { keepStamping, stampListening } from "../server/usecases/provider/stamp-listening.ts";

/** The root of the house, from dist/web.mjs and from web/main.ts alike. */
const ROOT = fileURLToPath(new URL("..", import.meta.url));

async function main(): Promise<void> {
  const env = parseEnv(process.env);
  // next-auth and Next read these themselves.
  Object.assign(process.env, {
    NEXTAUTH_URL: env.publicUrl,
    NEXTAUTH_SECRET: env.nextAuthSecret,
    NODE_ENV: "production",
  });
  const { default: next } = await import("next");
  const { deps, close } = await createRuntime(env, "web");
  const metrics = webMetrics(deps);
  const dispatcher = createDispatcher({
    deps,
    trustedProxies: env.trustedProxies,
    sessionSecret: env.nextAuthSecret,
    production: env.production,
    metrics,
  });
  publish({ deps, dispatch: dispatcher.dispatch });
  await openAnonymousAccount(deps);

  // Next closes every upgrade that it does not know, of the server it is given: one that nobody comes to.
  const httpServer = createServer();
  const pages = next({ dev: false, dir: ROOT, hostname: env.bindHost, port: env.port, httpServer });
  await pages.prepare();
  const terminals = createTerminals(deps, dispatcher);
  const apps = createApps({ deps, trustedProxies: env.trustedProxies, metrics });
  const upgrades = [apps.upgrade, terminals.upgrade];
  const { server, stop } = createWebServer(dispatcher, pages.getRequestHandler(), upgrades, apps);
  server.listen(env.port, env.bindHost);
  await once(server, "listening");
  const stamping = await keepStamping(
    () => stampListening(deps),
    (err) => deps.log.warn({ err }, "the listening row was not stamped"),
  );
  deps.log.info({ url: env.publicUrl, host: env.bindHost, port: env.port }, "the web listens");
  // So that the first search after a start need not wait for it; a failure is that search's to tell.
  void liveMarket(deps)
    .now()
    .catch((err: unknown) => deps.log.warn({ err }, "the market was not read ahead"));

  let stopping = false;
  const end = async (signal: string) => {
    if (stopping) return;
    stopping = true;
    deps.log.info({ signal }, "the web stops: no more requests, what runs is finished");
    stamping.stop();
    terminals.stop();
    await stop();
    await pages.close();
    await close();
    process.exit(0);
  };
  process.on("SIGTERM", () => void end("SIGTERM"));
  process.on("SIGINT", () => void end("SIGINT"));
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
});
