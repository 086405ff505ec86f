// One way in for every request of the wire: doors, limits, who, what, then the handler and its checked reply.
import { type Principal, requireScope, type Scope } from "../../domain/account/principal.ts";
import { AppError } from "../../domain/errors.ts";
import { listNames } from "../../protocol/fields.ts";
import { openApi } from "../../protocol/openapi.ts";
import type { Access, OperationShape } from "../../protocol/operation.ts";
import { OPERATION_NAMES, type OperationName, operations } from "../../protocol/operations.ts";
import type { Deps } from "../deps.ts";
import { createAgentProof } from "./agent-proof.ts";
import type { Call } from "./call.ts";
import { type Caller, createDoors } from "./doors.ts";
import { idempotencyKeyOf, lastEventIdOf, requestIdOf } from "./headers.ts";
import { type Identity, identify } from "./identify.ts";
import { createLimits, DEMO_RATES, RATES, type Rates } from "./limits.ts";
import { headerOf, pathOfTarget, type WireRequest, type WireResponse, wantsEventStream } from "./message.ts";
import { parseJson, parseQuery, parseWith, readBody, refuseLargePost } from "./parse.ts";
import { problemResponse, toAppError } from "./problem.ts";
import { CORS, json, localPage, preflight, SECURITY_HEADERS, withHeaders } from "./reply.ts";
import { allowed, findRoute, withoutSlash } from "./router.ts";
import { routes, streams } from "./routes.ts";

export interface DispatchOptions {
  readonly deps: Deps;
  readonly trustedProxies: readonly string[];
  /** next-auth's, for the cookie on streams */
  readonly sessionSecret: string;
  /** Replies are held against their schema everywhere but in production. */
  readonly production: boolean;
  readonly rates?: Rates;
  readonly metrics: {
    /** what /metrics shows */
    text(): Promise<{ readonly contentType: string; readonly body: string }>;
    observe(seen: { operation: string; method: string; status: number; seconds: number }): void;
  };
}

export type Dispatch = (request: WireRequest) => Promise<WireResponse>;

export interface PageVisit {
  /** what to answer instead of the page */
  readonly refusal: WireResponse | null;
  readonly requestId: string;
  /** Counts and logs how it ended. */
  done(status: number): void;
}

/** What to answer instead of an upgrade, or what was found out for it. */
export type Admission<T> = { readonly refusal: WireResponse } | { readonly admitted: T };

export interface Dispatcher {
  readonly dispatch: Dispatch;
  /** The same doors, limits and log for a page that somebody else serves. */
  admitPage(request: WireRequest): Promise<PageVisit>;
  /**
   * The same doors, limits and log for an upgrade that somebody else answers. Who sends no Origin needs a token.
   * @param go what is left to check, before the upgrade; what it throws is the refusal
   */
  admitUpgrade<T>(request: WireRequest, needs: Scope, go: (who: Identity) => Promise<T>): Promise<Admission<T>>;
  /** Whether forwarded headers of this peer count. */
  trusts(peer: string | null): boolean;
}

/** Files of a build: cheap, and a page asks for many at once. */
const STATIC_FILES = "/_next/static/";

/** What is learnt of a request on its way, for the log and the counters. */
interface Seen {
  operation: OperationName | "metrics" | "openapi" | "page" | "file" | "upgrade" | "none";
  account?: string;
}

export function createDispatcher(options: DispatchOptions): Dispatcher {
  const { deps, metrics } = options;
  const { publicUrl, demo } = deps.settings;
  const doors = createDoors({ publicUrl, demo, trustedProxies: options.trustedProxies });
  const limits = createLimits(options.rates ?? (demo ? DEMO_RATES : RATES));
  const proveAgent = createAgentProof(deps, limits);
  const openApiText = JSON.stringify(openApi(deps.settings.version));

  async function dispatch(request: WireRequest): Promise<WireResponse> {
    const startedMs = performance.now();
    const requestId = requestIdOf(request);
    const seen: Seen = { operation: "none" };
    let response: WireResponse;
    try {
      response = await answer(request, seen);
    } catch (error) {
      response = refusalOf(error, requestId, seen);
      if (response.status === 405) response = withHeaders(response, allowOf(request));
    }
    record(request, requestId, seen, response.status, startedMs);
    return withHeaders(response, { ...SECURITY_HEADERS, "x-request-id": requestId });
  }

  async function admitPage(request: WireRequest): Promise<PageVisit> {
    const startedMs = performance.now();
    const requestId = requestIdOf(request);
    const isFile = pathOfTarget(request.target).startsWith(STATIC_FILES);
    const seen: Seen = { operation: isFile ? "file" : "page" };
    const done = (status: number) => record(request, requestId, seen, status, startedMs);
    try {
      const caller = doors.admit(request);
      if (!isFile) await limits.request(caller);
      refuseLargePost(request.headers);
      return { refusal: null, requestId, done };
    } catch (error) {
      const headers = { ...SECURITY_HEADERS, "x-request-id": requestId };
      return { refusal: withHeaders(problemResponse(toAppError(error), requestId), headers), requestId, done };
    }
  }

  async function admitUpgrade<T>(
    request: WireRequest,
    needs: Scope,
    go: (who: Identity) => Promise<T>,
  ): Promise<Admission<T>> {
    const startedMs = performance.now();
    const requestId = requestIdOf(request);
    const seen: Seen = { operation: "upgrade" };
    try {
      const caller = doors.admitUpgrade(request);
      await limits.request(caller);
      const ownPage = request.headers.origin !== undefined; // another page's is refused at the door
      const spoken = ownPage || request.headers.authorization !== undefined;
      const who = spoken ? await identify(deps, options.sessionSecret, request, caller, ownPage) : null;
      if (!who) throw new AppError("unauthenticated", "Send a token: Authorization: Bearer …");
      seen.account = who.principal.account;
      await limits.account(who.principal.account);
      requireScope(who.principal, needs);
      const admitted = await go(who);
      record(request, requestId, seen, 101, startedMs);
      return { admitted };
    } catch (error) {
      const refusal = refusalOf(error, requestId, seen);
      record(request, requestId, seen, refusal.status, startedMs);
      return { refusal: withHeaders(refusal, { ...SECURITY_HEADERS, "x-request-id": requestId }) };
    }
  }

  function refusalOf(error: unknown, requestId: string, { operation }: Seen): WireResponse {
    const known = toAppError(error);
    if (known.code === "internal" || known.code === "unavailable")
      deps.log.error({ requestId, operation, err: error }, "a request failed");
    return problemResponse(known, requestId);
  }

  function record(request: WireRequest, requestId: string, seen: Seen, status: number, startedMs: number): void {
    const seconds = (performance.now() - startedMs) / 1000;
    metrics.observe({ operation: seen.operation, method: request.method, status, seconds });
    // Beats, probes and files are counted above; a line for each good one would drown the rest.
    if (status < 400 && QUIET.includes(seen.operation)) return;
    const { operation, account } = seen;
    const method = request.method.slice(0, 16);
    deps.log.info({ requestId, operation, method, status, ms: Math.round(seconds * 1000), account }, "request");
  }

  async function answer(request: WireRequest, seen: Seen): Promise<WireResponse> {
    const caller = doors.admit(request);
    const path = withoutSlash(pathOfTarget(request.target));
    if (!path.startsWith("/")) throw new AppError("bad-request", "The path must start with a slash.");
    if (path === "/metrics" || path === "/openapi.json") return document(path, request, caller, seen);
    const reads = request.method === "GET" || request.method === "HEAD";
    const route = findRoute(path);
    const name = route?.methods.get(reads ? "GET" : request.method);
    const access = name && operations[name].access;
    if (access !== "agent" && access !== "node") await limits.request(caller);
    if (!route) throw new AppError("not-found", "There is nothing at this path.");
    const readable = route.methods.get("GET");
    const open = readable !== undefined && operations[readable].access === "public";
    if (request.method === "OPTIONS") return preflight(allowed(route), open);
    if (!name) throw new AppError("method-not-allowed", `This path takes ${allowed(route)}.`);
    seen.operation = name;
    if (access === "node") return serveWorker(name, request, caller, route.params, seen);
    return serve(name, request, caller, route.params, seen);
  }

  /** Calls of third-party workers count for the worker, as beats do, so that many behind one address do not hinder each other. */
  async function serveWorker(...call: Parameters<typeof serve>): Promise<WireResponse> {
    const [, , caller] = call;
    await limits.remaining(caller);
    try {
      return await serve(...call);
    } catch (error) {
      await limits.request(caller); // what is refused counts for where it came from
      throw error;
    }
  }

  async function document(path: "/metrics" | "/openapi.json", request: WireRequest, caller: Caller, seen: Seen) {
    await limits.request(caller);
    if (request.method !== "GET" && request.method !== "HEAD")
      throw new AppError("method-not-allowed", "This path takes GET, HEAD.");
    seen.operation = path === "/metrics" ? "metrics" : "openapi";
    if (path === "/openapi.json") return json(200, openApiText, { ...CORS, "cache-control": "no-cache" });
    const { contentType, body } = await metrics.text();
    return { status: 200, headers: { "content-type": contentType, "cache-control": "no-store" }, body };
  }

  async function serve<N extends OperationName>(
    name: N,
    request: WireRequest,
    caller: Caller,
    rawParams: Readonly<Record<string, string>>,
    seen: Seen,
  ): Promise<WireResponse> {
    const operation: OperationShape = operations[name];
    const stream = request.method === "GET" && wantsEventStream(request) ? streams[name] : undefined;
    let who: Identity | null = null;
    let said: unknown;
    if (operation.access === "agent") said = await proveAgent(name, request, caller, rawParams);
    else {
      const ownPage = stream !== undefined && headerOf(request.headers, "sec-fetch-site") === "same-origin";
      who = await identify(deps, options.sessionSecret, request, caller, ownPage);
    }
    if (name === "createNonce") await limits.nonce(caller);
    if (who) {
      seen.account = who.principal.account;
      if (operation.access !== "node") await limits.account(who.principal.account);
    }
    refuseStranger(operation.access, who?.principal ?? null);
    if (operation.method === "GET") said = {};
    else if (said === undefined) said = parseJson(await readBody(request.body, request.headers), request.headers);
    // Each part was parsed by the operation's own schema; the compiler cannot follow that through its name.
    const call = {
      deps,
      principal: who?.principal ?? null,
      address: caller.address,
      token: who?.token ?? null,
      params: parseWith(operation.params, rawParams),
      query: parseWith(operation.query, parseQuery(request.target, LISTS.get(name) ?? NO_LISTS)),
      body: parseWith(operation.body, said),
      idempotencyKey: operation.idempotent ? idempotencyKeyOf(request) : null,
      lastEventId: stream ? lastEventIdOf(request) : null,
      signal: request.signal,
    } as Call<N>;
    if (operation.access === "node" && who)
      await limits.beat(`${who.principal.account} ${workerNamed(rawParams, call.body)}`);
    const kept = operation.secret || who !== null || operation.access !== "public";
    const caching = { "cache-control": kept ? "no-store" : "no-cache", vary: "Accept, Authorization" };
    if (stream)
      return {
        status: 200,
        headers: { ...caching, "content-type": "text/event-stream", "x-accel-buffering": "no" },
        body: await stream(call),
      };
    const result: unknown = await routes[name](call);
    const open = operation.access === "public" && operation.method === "GET" ? CORS : localPage(name, request, who);
    if (operation.status === 204) return { status: 204, headers: caching, body: null };
    if (!options.production) refuseStrayReply(name, result);
    return json(operation.status, JSON.stringify(result), { ...caching, ...open });
  }

  return { dispatch, admitPage, admitUpgrade, trusts: doors.trusts };
}

/** Names of each operation's query that may be repeated: asked of its schema once. */
const LISTS = new Map(OPERATION_NAMES.map((name) => [name, listNames(operations[name].query)]));
const NO_LISTS: ReadonlySet<string> = new Set();

/** Counted, but logged only when they fail. */
const QUIET: readonly string[] = ["heartbeat", "reportLogs", "health", "ready", "metrics", "file"];

/** @throws AppError `unauthenticated`, `missing-scope` */
function refuseStranger(access: Access, principal: Principal | null): void {
  if (access === "public" || access === "agent") return;
  if (!principal) throw new AppError("unauthenticated", "Send a token: Authorization: Bearer …");
  if (access === "node" && principal.via === "anonymous") return; // a demo's: each of its workers is its own owner
  requireScope(principal, access === "node" ? "providers" : access);
}

/** Which third-party worker speaks, as far as the call says. */
function workerNamed(params: Readonly<Record<string, string>>, body: unknown): string {
  if (params.id !== undefined || typeof body !== "object" || body === null) return params.id ?? "";
  const named = "node_id" in body ? body.node_id : "id" in body ? body.id : "";
  return typeof named === "string" ? named : "";
}

/** A reply that its schema does not know is our mistake, found before production. */
function refuseStrayReply(name: OperationName, reply: unknown): void {
  const checked = operations[name].response.safeParse(reply);
  if (!checked.success) throw new Error(`the reply of ${name} is not what the wire says: ${checked.error.message}`);
}

function allowOf(request: WireRequest): Record<string, string> {
  const route = findRoute(withoutSlash(pathOfTarget(request.target)));
  return { allow: route ? allowed(route) : "GET, HEAD" };
}
