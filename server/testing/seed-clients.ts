// Small copies of the seed's clients, for tests: what they send, what they read, and what makes them fail.
import { createHash } from "node:crypto";
import type { Answer, Ask } from "./wire.ts";

export type Asking = (path: string, ask?: Ask) => Promise<Answer>;
type Json = Record<string, unknown>;

/** What the Go client adds by itself; a user and a password in its URL become Basic. */
function goHeaders(credentials: string | undefined): Record<string, string> {
  const basic =
    credentials === undefined ? {} : { authorization: `Basic ${Buffer.from(credentials).toString("base64")}` };
  return { "user-agent": "Go-http-client/1.1", "accept-encoding": "gzip", ...basic };
}

/** It formats maps of anything with %s: what is no string prints as rubbish, which is an error here. */
function printed(value: unknown, name: string): string {
  if (typeof value !== "string") throw new Error(`%!s(${name})`);
  return value;
}
function figure(value: unknown, name: string): number {
  if (typeof value !== "number") throw new Error(`%!f(${name})`);
  return value;
}
function whole(value: unknown, name: string): number {
  if (!Number.isInteger(value)) throw new Error(`${name} is no integer`);
  return Number(value);
}
function list(value: unknown, name: string): Json[] {
  if (!Array.isArray(value)) throw new Error(`${name} is no list`);
  return value;
}
/** A type assertion without a check: it panics. */
function object(value: unknown, name: string): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`panic: ${name}`);
  return { ...value };
}
/** RFC 3339 with a zone; anything else prints as the first of January of the year 1. */
function instant(value: unknown, name: string): Date {
  const text = printed(value, name);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text)) throw new Error(`${name}: Jan 01 00:00`);
  return new Date(text);
}

/** The command line: one method a command, each returning what it prints. */
export function seedCli(ask: Asking, credentials?: string) {
  const headers = goHeaders(credentials);
  return {
    async submit(wish: {
      name: string;
      image: string;
      description?: string;
      command: string[];
      cpu?: number;
      memory?: number;
    }) {
      const { name, image, description = "", command, cpu = 1, memory = 1 } = wish;
      const body = { name, description, docker_image: image, command, required_cpu: cpu, required_memory: memory };
      const answer = await ask("/api/v1/jobs", { method: "POST", json: body, headers });
      if (answer.status !== 201) throw new Error(`failed to submit job: ${answer.text}`);
      const { id, name: told, status } = answer.json;
      return { id: printed(id, "id"), name: printed(told, "name"), status: printed(status, "status") };
    },
    async list() {
      const { json } = await ask("/api/v1/jobs", { headers });
      whole(json.count, "count");
      return list(json.jobs, "jobs").map((job) => ({
        id: printed(job.id, "id").slice(0, 17),
        name: printed(job.name, "name"),
        status: printed(job.status, "status"),
        submitted: instant(job.submitted_at, "submitted_at"),
      }));
    },
    async get(id: string) {
      const answer = await ask(`/api/v1/jobs/${id}`, { headers });
      if (answer.status === 404) throw new Error("job not found");
      const job = object(answer.json, "job");
      const ran = await ask(`/api/v1/jobs/${id}/executions`, { headers });
      const executions = list(ran.json.executions, "executions").map((each) => ({
        node: printed(each.node_id, "node_id"),
        status: printed(each.status, "status"),
        hash: each.result_hash ?? "<nil>",
      }));
      for (const name of ["id", "name", "description", "status", "docker_image"]) printed(job[name], name);
      instant(job.submitted_at, "submitted_at");
      const optional = (name: string) =>
        job[name] === undefined || job[name] === null ? null : printed(job[name], name);
      return {
        status: printed(job.status, "status"),
        result: optional("result"),
        error: optional("error_message"),
        completed: optional("completed_at"),
        executions,
      };
    },
    async nodes() {
      const { json } = await ask("/api/v1/nodes", { headers });
      whole(json.count, "count");
      return list(json.nodes, "nodes").map((node) => ({
        id: printed(node.id, "id"),
        name: printed(node.name, "name"),
        status: printed(node.status, "status"),
        cpu: figure(node.cpu_cores, "cpu_cores"),
        memory: figure(node.memory_gb, "memory_gb"),
        reputation: figure(node.reputation_score, "reputation_score"),
        jobs: figure(node.total_jobs_run, "total_jobs_run"),
      }));
    },
    async stats() {
      return statsOf((await ask("/stats", { headers })).json);
    },
  };
}

function statsOf(json: unknown) {
  const all = object(json, "stats");
  const [nodes, resources, jobs] = [
    object(all.nodes, "nodes"),
    object(all.resources, "resources"),
    object(all.jobs, "jobs"),
  ];
  const numbers = (from: Json, names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, figure(from[name], name)]));
  return {
    nodes: numbers(nodes, ["total", "online", "busy"]),
    resources: numbers(resources, ["total_cpu_cores", "total_memory_gb"]),
    jobs: numbers(jobs, ["total", "completed", "running", "failed"]),
  };
}

/** The dashboard in a browser: one round of its poll. Whatever a browser or its code cannot take is an error. */
export async function seedDashboard(ask: Asking, origin: string) {
  const headers = {
    origin,
    accept: "application/json, text/plain, */*",
    "sec-fetch-site": "cross-site",
    "sec-fetch-mode": "cors",
  };
  const [stats, nodes, jobs] = await Promise.all(
    ["/stats", "/api/v1/nodes", "/api/v1/jobs"].map(async (path) => {
      const { status, headers: told, json } = await ask(path, { headers });
      const allowed = told["access-control-allow-origin"];
      if (allowed !== "*" && allowed !== origin) throw new Error(`${path} is blocked by CORS`);
      if (status < 200 || status > 299) throw new Error(`the banner: ${path} answers ${status}`);
      return json;
    }),
  );
  const styled = ["online", "busy", "offline", "pending", "completed", "running", "failed"];
  return {
    stats: statsOf(stats),
    nodes: list(nodes.nodes, "nodes").map((node) => ({
      id: printed(node.id, "id"),
      name: printed(node.name, "name"),
      region: printed(node.region, "region"),
      status: printed(node.status, "status"),
      isStyled: styled.includes(printed(node.status, "status")),
      reputation: figure(node.reputation_score, "reputation_score").toFixed(1),
      cpu: figure(node.cpu_cores, "cpu_cores"),
      memory: figure(node.memory_gb, "memory_gb"),
      run: figure(node.total_jobs_run, "total_jobs_run"),
      successful: figure(node.successful_jobs_run, "successful_jobs_run"),
    })),
    jobs: list(jobs.jobs, "jobs")
      .slice(0, 10)
      .map((job) => ({
        id: printed(job.id, "id"),
        name: printed(job.name, "name"),
        status: printed(job.status, "status"),
        description: printed(job.description, "description"),
        image: printed(job.docker_image, "docker_image"),
        submitted: instant(job.submitted_at, "submitted_at"),
        cpu: figure(job.required_cpu, "required_cpu"),
        memory: figure(job.required_memory, "required_memory"),
        consensus: figure(job.consensus, "consensus"),
        redundancy: figure(job.redundancy, "redundancy"),
        result: job.result === undefined ? null : printed(job.result, "result"),
      })),
  };
}

/** What Docker's log stream carries: a header of eight bytes before each line, NUL and all. */
export function dockerLog(...lines: readonly string[]): Buffer {
  return Buffer.concat(
    lines.flatMap((line) => {
      const text = Buffer.from(`${line}\n`);
      const header = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);
      header.writeUInt32BE(text.byteLength, 4);
      return [header, text];
    }),
  );
}

/** What the worker makes of such a log: pieces between newlines lose their first eight bytes, or stay where they are short. */
function strippedOf(log: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let from = 0; from < log.byteLength; ) {
    const end = log.indexOf(0x0a, from);
    const piece = log.subarray(from, end < 0 ? log.byteLength : end);
    if (piece.byteLength > 8) pieces.push(piece.subarray(8));
    else if (piece.byteLength > 0) pieces.push(piece);
    from = end < 0 ? log.byteLength : end + 1;
  }
  return Buffer.from(pieces.map((piece) => piece.toString("latin1")).join("\n"), "latin1");
}

export interface SeedRun {
  readonly log: Buffer;
  readonly exitCode?: number;
}

/** The worker: registers, beats, asks and delivers, as its loops would. */
export function seedWorker(
  ask: Asking,
  id: string,
  options: { credentials?: string; cores?: number; memory?: number } = {},
) {
  const headers = goHeaders(options.credentials);
  const post = (path: string, json: unknown) => ask(path, { method: "POST", json, headers });
  return {
    id,
    async register() {
      const body = {
        ...{ id, name: `Worker ${id}`, region: "us-west" },
        ...{ cpu_cores: options.cores ?? 4, memory_gb: options.memory ?? 8, gpu_enabled: false, gpu_model: "" },
      };
      const answer = await post("/api/v1/nodes/register", body);
      if (answer.status !== 200 && answer.status !== 201)
        throw new Error(`exit 1: registration answers ${answer.status}`);
      return answer;
    },
    async beat() {
      const answer = await post(`/api/v1/nodes/${id}/heartbeat`, {
        cpu_usage: 12.5,
        memory_usage: 0.25,
        active_jobs: 0,
      });
      if (answer.status !== 200) throw new Error(`heartbeat failed with status ${answer.status}`);
      return answer.json;
    },
    async poll() {
      const answer = await ask(`/api/v1/nodes/${id}/pending-jobs`, { headers });
      if (answer.status !== 200) throw new Error(`poll failed with status ${answer.status}`);
      return list(answer.json.pending_jobs, "pending_jobs").map((each) => {
        const job = object(each.job, "job");
        if (!Array.isArray(job.command)) throw new Error("command is no list");
        return { executionId: printed(each.execution_id, "execution_id"), jobId: printed(job.id, "id"), job };
      });
    },
    /** Go's JSON has no other way for bytes that are no UTF-8 than the replacement character. */
    deliver(given: { executionId: string; jobId: string }, { log, exitCode = 0 }: SeedRun) {
      const stripped = strippedOf(log);
      const failed = exitCode !== 0;
      return post("/api/v1/worker/result", {
        execution_id: given.executionId,
        job_id: given.jobId,
        node_id: id,
        result: failed ? "" : stripped.toString("utf8"),
        result_hash: failed ? "" : createHash("sha256").update(stripped).digest("hex"),
        error_message: failed ? `Container exited with code ${exitCode}` : "",
        logs: log.toString("utf8"),
      });
    },
    post,
  };
}
