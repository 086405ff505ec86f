import { expect, test } from "vitest";
import { clusterTally, metrics, setCounts, setTotals, wireMetrics } from "./metrics.ts";

test("a reply is counted and timed by method, operation and status, a heartbeat once more", async () => {
  wireMetrics.observe({ operation: "heartbeat", method: "POST", status: 200, seconds: 0.02 });
  wireMetrics.observe({ operation: "heartbeat", method: "POST", status: 409, seconds: 0.02 });
  const { contentType, body } = await wireMetrics.text();
  expect(contentType).toMatch(/^text\/plain/);
  expect(body).toContain('http_requests_total{method="POST",route="heartbeat",status="200"} 1');
  expect(body).toContain('http_request_duration_seconds_bucket{le="0.025",method="POST",route="heartbeat"} 2');
  expect(body).toContain("\nberth_heartbeats_total 1");
});

test("a caller cannot invent a label", async () => {
  wireMetrics.observe({ operation: "none", method: 'X"}\nfake 1', status: 405, seconds: 0 });
  expect((await wireMetrics.text()).body).toContain('method="other",route="none",status="405"');
});

test("a status nobody has any more is gone from its gauge", async () => {
  setCounts(metrics.jobs, "status", { running: 2, stopped: 1 });
  setCounts(metrics.jobs, "status", { stopped: 3 });
  const { body } = await wireMetrics.text();
  expect(body).toContain('jobs_total{status="stopped"} 3');
  expect(body).not.toContain('jobs_total{status="running"}');
});

test("a counter that is told its total shows the total, however often it is told", async () => {
  setTotals(metrics.presenceEdges, "to", { offline: 2 });
  setTotals(metrics.presenceEdges, "to", { offline: 3, online: 1 });
  const { body } = await wireMetrics.text();
  expect(body).toContain('berth_provider_presence_total{to="offline"} 3');
  expect(body).toContain('berth_provider_presence_total{to="online"} 1');
});

test("what goes wrong with the cluster is counted by what it was", async () => {
  clusterTally.callFailed("none");
  clusterTally.callFailed("503");
  clusterTally.watchBroke("pods");
  clusterTally.watchListed("pods");
  const { body } = await wireMetrics.text();
  for (const line of [
    'berth_cluster_calls_failed_total{answer="none"} 1',
    'berth_cluster_calls_failed_total{answer="503"} 1',
    'berth_watch_broken_total{watch="pods"} 1',
    'berth_watch_listed_total{watch="pods"} 1',
  ])
    expect(body).toContain(line);
});
