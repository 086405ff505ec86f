// A server to be measured, in a process of its own: `wire` is web/main.ts without the pages, `echo` is bare node:http.
import { createServer, type Server } from "node:http";
import { parseEnv } from "../server/env.ts";
import { createDispatcher } from "../server/http/dispatch.ts";
import { createWebServer } from "../server/http/node-http.ts";
import { wireMetrics } from "../server/metrics.ts";
import { createRuntime } from "../server/runtime.ts";

const NO_LIMIT = 1_000_000_000;

async function wire(): Promise<Server> {
  const env = parseEnv(process.env);
  const { deps } = await createRuntime(env, "web");
  const dispatcher = createDispatcher({
    deps,
    trustedProxies: [],
    sessionSecret: env.nextAuthSecret,
    production: true,
    rates: { perAddress: NO_LIMIT, perAccount: NO_LIMIT, noncesPerAddress: NO_LIMIT, beatsPerProvider: NO_LIMIT },
    metrics: wireMetrics,
  });
  return createWebServer(dispatcher, async (_, reply) => void reply.writeHead(404).end()).server;
}

function echo(): Server {
  // As long as the web keeps a connection: a client must not be cut off between two beats.
  return createServer({ keepAliveTimeout: 75_000 }, (request, reply) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => reply.writeHead(200, { "content-type": "application/json" }).end(Buffer.concat(parts)));
  });
}

const server = process.argv[2] === "wire" ? await wire() : echo();
server.listen(Number(process.env.PORT), "127.0.0.1", () => process.send?.("ready"));
process.on("message", () => process.send?.(process.cpuUsage()));
process.on("disconnect", () => process.exit(0));
