// What Prometheus may read of this process. Names of the seed where it had one, `berth_*` in base units elsewhere.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

export const registry = new Registry();
collectDefaultMetrics({ register: registry });

const registers = [registry];
const SECONDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

const httpRequests = new Counter({
  name: "http_requests_total",
  help: "HTTP requests by operation of the wire",
  labelNames: ["method", "route", "status"],
  registers,
});
const httpRequestDuration = new Histogram({
  name: "http_request_duration_seconds",
  help: "Time from a request to its reply; long polls wait on purpose",
  labelNames: ["method", "route"],
  buckets: SECONDS,
  registers,
});

const RUN_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600];
const WHOLE = "Of the whole broker since this process began: take max, not sum";
const TOTALS = "Of the whole broker since its first day: every worker tells the same, so take max, not sum";

export const metrics = {
  jobs: new Gauge({ name: "jobs_total", help: "Jobs by status", labelNames: ["status"], registers }),
  nodes: new Gauge({ name: "nodes_total", help: "Providers by status", labelNames: ["status"], registers }),
  jobDuration: new Histogram({
    name: "job_execution_duration_seconds",
    help: `Time that executions of batch jobs ran, told with their verdict. ${WHOLE}`,
    buckets: RUN_SECONDS,
    registers,
  }),
  consensus: new Gauge({
    name: "verification_consensus_reached",
    help: "Share of the newest thousand verdicts that distinct owners agreed on, 0 to 1",
    registers,
  }),
  gpus: new Gauge({
    name: "berth_gpus",
    help: "GPUs of admitted providers by state",
    labelNames: ["state"],
    registers,
  }),
  providersPending: new Gauge({ name: "berth_providers_pending", help: "Machines that wait for approval", registers }),
  oldestPending: new Gauge({
    name: "berth_provider_pending_oldest_seconds",
    help: "How long the oldest of them has waited; 0 where none does",
    registers,
  }),
  sweepLag: new Gauge({
    name: "berth_sweep_lag_seconds",
    help: "How long the longest overdue row has waited for its reconcile; 0 where none is due",
    labelNames: ["kind"],
    registers,
  }),
  admissionEdges: new Counter({
    name: "berth_provider_admission_total",
    help: `Decisions about admission. ${TOTALS}`,
    labelNames: ["to"],
    registers,
  }),
  presenceEdges: new Counter({
    name: "berth_provider_presence_total",
    help: `Edges of presence. ${TOTALS}`,
    labelNames: ["to"],
    registers,
  }),
  drainEdges: new Counter({
    name: "berth_provider_drain_total",
    help: `Edges of draining and maintenance. ${TOTALS}`,
    labelNames: ["to"],
    registers,
  }),
  incidents: new Counter({
    name: "berth_provider_incidents_total",
    help: `Incidents by code. ${TOTALS}`,
    labelNames: ["code"],
    registers,
  }),
  heartbeats: new Counter({ name: "berth_heartbeats_total", help: "Heartbeats taken", registers }),
  providersOffline: new Counter({
    name: "berth_provider_offline_total",
    help: "Providers that fell silent",
    registers,
  }),
  ringDuration: new Histogram({
    name: "berth_ring_duration_seconds",
    help: "Time a ring's processor took",
    labelNames: ["ring"],
    buckets: SECONDS,
    registers,
  }),
  ringsFailed: new Counter({
    name: "berth_rings_failed_total",
    help: "Rings whose processor threw",
    labelNames: ["ring"],
    registers,
  }),
  ringsLost: new Counter({
    name: "berth_rings_lost_total",
    help: "Rings that could not be put into the queue; the sweep makes up for them",
    labelNames: ["ring"],
    registers,
  }),
  streamConsumed: new Counter({
    name: "berth_stream_consumed_total",
    help: "Entries of a stream that came to their end, taken or refused",
    labelNames: ["stream"],
    registers,
  }),
  streamRefused: new Counter({
    name: "berth_stream_refused_total",
    help: "Entries that can never be taken, by reason; each is parked",
    labelNames: ["stream", "reason"],
    registers,
  }),
  streamClaimed: new Counter({
    name: "berth_stream_claimed_total",
    help: "Entries taken over from a consumer that left them undecided",
    labelNames: ["stream"],
    registers,
  }),
  streamPending: new Gauge({
    name: "berth_stream_pending",
    help: "Entries that were read and not yet acknowledged",
    labelNames: ["stream"],
    registers,
  }),
  streamLag: new Gauge({
    name: "berth_stream_lag",
    help: "Entries that nobody has read yet",
    labelNames: ["stream"],
    registers,
  }),
  clusterCallsFailed: new Counter({
    name: "berth_cluster_calls_failed_total",
    help: "Calls of the Kubernetes API that were refused, by HTTP status, or not answered (none)",
    labelNames: ["answer"],
    registers,
  }),
  watchBroken: new Counter({
    name: "berth_watch_broken_total",
    help: "Watches of the cluster that broke; each goes on from where it was",
    labelNames: ["watch"],
    registers,
  }),
  watchListed: new Counter({
    name: "berth_watch_listed_total",
    help: "How often all was listed: when a watch starts, and when the server has forgotten too much to go on",
    labelNames: ["watch"],
    registers,
  }),
  sweepCorrections: new Counter({
    name: "berth_sweep_corrections_total",
    help: "What a sweep had to put right",
    labelNames: ["kind"],
    registers,
  }),
};

/** The Kubernetes adapters' view. */
export const clusterTally = {
  callFailed: (answer: string) => metrics.clusterCallsFailed.inc({ answer }),
  watchBroke: (watch: string) => metrics.watchBroken.inc({ watch }),
  watchListed: (watch: string) => metrics.watchListed.inc({ watch }),
};

/** The dispatcher's view: counts a reply, and the heartbeats among them. */
export const wireMetrics = {
  async text(): Promise<{ readonly contentType: string; readonly body: string }> {
    return { contentType: registry.contentType, body: await registry.metrics() };
  },
  observe({ operation, method, status, seconds }: Seen): void {
    httpRequests.inc({ method: knownMethod(method), route: operation, status });
    httpRequestDuration.observe({ method: knownMethod(method), route: operation }, seconds);
    if (operation === "heartbeat" && status < 400) metrics.heartbeats.inc();
  },
};

interface Seen {
  readonly operation: string;
  readonly method: string;
  readonly status: number;
  readonly seconds: number;
}

/** Sets all of a gauge at once, so that a status nobody has any more does not keep its last value. */
export function setCounts(gauge: Gauge<string>, label: string, counts: Readonly<Record<string, number>>): void {
  gauge.reset();
  for (const [value, count] of Object.entries(counts)) gauge.set({ [label]: value }, count);
}

/** Sets a counter to totals that were counted elsewhere and only grow; what nobody counted yet is not shown. */
export function setTotals(counter: Counter<string>, label: string, totals: Readonly<Record<string, number>>): void {
  counter.reset();
  for (const [value, total] of Object.entries(totals)) counter.inc({ [label]: value }, total);
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** A label is a time series for ever, so a caller may not invent one. */
function knownMethod(method: string): string {
  return METHODS.includes(method) ? method : "other";
}
