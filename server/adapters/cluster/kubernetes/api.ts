// The API server: clients that give up in time, try again where that may help, and say what went wrong.
import { Agent } from "node:https";
import {
  ApiException,
  CertificatesV1Api,
  CoreV1Api,
  createConfiguration,
  IsomorphicFetchHttpLibrary,
  KubeConfig,
  NetworkingV1Api,
  PatchStrategy,
  RbacAuthorizationV1Api,
  ServerConfiguration,
  setHeaderOptions,
  VersionApi,
  wrapHttpLibrary,
} from "@kubernetes/client-node";
import pRetry from "p-retry";
import { isFailure, type Tally } from "./tally.ts";

const TIMEOUT_MS = 5_000;
/** A server that did not answer is asked again this soon, by one request; the others fail at once meanwhile. */
const PROBE_EVERY_MS = 3_000;
const RETRIES = 4;
const MAY_PASS = [408, 429, 500, 502, 503, 504];

/** Bodies of patches are JSON merge patches: null takes a key away. */
export const MERGE = setHeaderOptions("Content-Type", PatchStrategy.MergePatch);

/** @param path of a kubeconfig; null inside the cluster itself */
export function openConfig(path: string | null): KubeConfig {
  const config = new KubeConfig();
  if (path === null) config.loadFromCluster();
  else config.loadFromFile(path);
  return config;
}

export type Api = ReturnType<typeof openApi>;

export function openApi(config: KubeConfig, tally?: Tally) {
  const cluster = config.getCurrentCluster();
  if (!cluster) throw new Error("the kubeconfig names no current cluster");
  const http = new IsomorphicFetchHttpLibrary();
  const connections = keptConnections();
  let away = false;
  let probeAt = 0;
  const configuration = createConfiguration({
    baseServer: new ServerConfiguration(cluster.server, {}),
    authMethods: { default: config },
    httpApi: wrapHttpLibrary({
      async send(request) {
        if (away && Date.now() < probeAt) throw new ClusterAway();
        if (away) probeAt = Date.now() + TIMEOUT_MS + PROBE_EVERY_MS;
        request.setSignal(AbortSignal.timeout(TIMEOUT_MS));
        const agent = request.getAgent();
        if (agent?.constructor === Agent) request.setAgent(connections.of(agent));
        try {
          const answer = await http.send(request).toPromise();
          away = false;
          if (isFailure(answer.httpStatusCode)) tally?.callFailed(String(answer.httpStatusCode));
          return answer;
        } catch (error) {
          tally?.callFailed("none");
          connections.drop();
          away = true;
          probeAt = Date.now() + PROBE_EVERY_MS;
          throw error;
        }
      },
    }),
  });
  return {
    config,
    cluster,
    core: new CoreV1Api(configuration),
    certificates: new CertificatesV1Api(configuration),
    networking: new NetworkingV1Api(configuration),
    rbac: new RbacAuthorizationV1Api(configuration),
    version: new VersionApi(configuration),
  };
}

/** So many requests may be under way at the same time; what is beyond waits for its turn. */
const MOST_CONNECTIONS = 64;

/**
 * The client makes an agent, and with it a connection and a TLS handshake, for every request: they share one as long as
 * they would identify themselves alike.
 */
function keptConnections() {
  let kept: { readonly agent: Agent; readonly identity: string } | null = null;
  const drop = () => {
    kept = null; // what is under way ends by itself, and its connections with it
  };
  return {
    drop,
    of({ options }: Agent): Agent {
      const { ca, cert, key, pfx, passphrase, servername, rejectUnauthorized } = options;
      const identity = JSON.stringify([ca, cert, key, pfx, passphrase, servername, rejectUnauthorized].map(String));
      if (kept?.identity !== identity)
        kept = { agent: new Agent({ ...options, keepAlive: true, maxSockets: MOST_CONNECTIONS }), identity };
      return kept.agent;
    },
  };
}

/** Thrown without asking, while the server is known to be away: callers come in numbers and must not queue up. */
export class ClusterAway extends Error {
  constructor() {
    super("the cluster's API server does not answer");
    this.name = "ClusterAway";
  }
}

/** @returns the status of a refusal; null for anything else, such as a server that does not answer */
export function codeOf(error: unknown): number | null {
  return error instanceof ApiException ? error.code : null;
}

/** Tries again, with growing pauses, where the server is busy or away for a moment. */
export async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  return pRetry(ask, {
    retries: RETRIES,
    minTimeout: 200,
    maxTimeout: 2_000,
    randomize: true,
    shouldRetry: ({ error }) => {
      if (error instanceof ClusterAway) return false;
      const code = codeOf(error);
      return code === null || MAY_PASS.includes(code);
    },
  });
}

const CONFLICT = 409;

/**
 * Reads and writes anew where somebody else wrote in between. Writers that come in numbers finish one after the other:
 * asking again at once meets the next of them, so the pauses grow to some seconds in all, longer than any crowd.
 * @param write reads what is there and writes on that; the server refuses it where another version is there by then
 * @throws the refusal, where others still write
 */
export async function againOnConflict<T>(write: () => Promise<T>): Promise<T> {
  return pRetry(write, {
    retries: 8,
    minTimeout: 20,
    maxTimeout: 1_000,
    randomize: true,
    shouldRetry: ({ error }) => codeOf(error) === CONFLICT,
  });
}

/** @returns null where there is no such thing */
export async function orNull<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await patiently(ask);
  } catch (error) {
    if (codeOf(error) === 404) return null;
    throw error;
  }
}
