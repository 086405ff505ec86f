// The worker: answers rings and sweeps. Any number may run; each holds nothing that matters.
import { createServer } from "node:http";
import { hostname } from "node:os";
import { backingOf, runRings } from "../server/adapters/queue/bullmq.ts";
import { parseEnv } from "../server/env.ts";
import { metrics, registry } from "../server/metrics.ts";
import { createRuntime } from "../server/runtime.ts";
import { processors } from "./processors.ts";
import { startSchedules } from "./schedules.ts";
import { startStreams } from "./streams.ts";
import { startWatchers } from "./watchers.ts";

const CONCURRENCY = 16;

async function main(): Promise<void> {
  const env = parseEnv(process.env);
  const { deps, close } = await createRuntime(env, "worker");
  const rings = runRings({
    ...backingOf(env),
    concurrency: CONCURRENCY,
    deps,
    processors,
    log: deps.log,
    onDone: (ring, seconds, outcome) => {
      metrics.ringDuration.observe({ ring }, seconds);
      if (outcome === "failed") metrics.ringsFailed.inc({ ring });
    },
  });
  const name = `${hostname()}:${process.pid}`;
  const schedules = startSchedules(deps, name);
  const streams = env.redisUrl === null ? null : startStreams(deps, { redisUrl: env.redisUrl, name });
  const watchers = startWatchers(deps, env.databaseUrl);
  const server = env.metricsPort === null ? null : serveMetrics(env.metricsPort, env.bindHost);
  deps.log.info({ pid: process.pid }, "the worker runs");

  let stopping = false;
  const stop = async (signal: string) => {
    if (stopping) return;
    stopping = true;
    deps.log.info({ signal }, "the worker stops: no more rings, what runs is finished");
    server?.close();
    await streams?.close();
    await watchers.stop();
    await schedules.stop();
    await rings.close();
    await close();
    process.exit(0);
  };
  process.on("SIGTERM", () => void stop("SIGTERM"));
  process.on("SIGINT", () => void stop("SIGINT"));
}

function serveMetrics(port: number, host: string) {
  const server = createServer((request, response) => {
    if (request.url !== "/metrics") return response.writeHead(404).end();
    void registry.metrics().then((text) => response.writeHead(200, { "content-type": registry.contentType }).end(text));
  });
  server.listen(port, host);
  return server;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
});
