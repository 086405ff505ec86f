import { expect, test } from "vitest";
import { webMetrics } from "./network-metrics.ts";
import { openWorld } from "./testing/world.ts";

test("the web's /metrics has the seed's six names, with what the rows say, and stays readable without a database", async () => {
  const world = await openWorld();
  await world.provider();
  const shown = webMetrics(world.deps);
  shown.observe({ operation: "stats", method: "GET", status: 200, seconds: 0.01 });
  const { body } = await shown.text();
  for (const line of [
    'http_requests_total{method="GET",route="stats",status="200"} 1',
    'http_request_duration_seconds_count{method="GET",route="stats"} 1',
    'nodes_total{status="available"} 1',
    "# TYPE jobs_total gauge",
    "# TYPE job_execution_duration_seconds histogram",
    "# TYPE verification_consensus_reached gauge",
  ])
    expect(body).toContain(line);
  await world[Symbol.asyncDispose](); // and the database with it
  let told = 0;
  const away = webMetrics({ ...world.deps, log: { ...world.deps.log, warn: () => void told++ } });
  expect((await away.text()).body).toContain("http_requests_total");
  expect(told).toBe(1);
});
