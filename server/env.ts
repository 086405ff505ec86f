// The environment, parsed once by each main before it listens. A wrong one stops the start and names every problem.
import { getDomain } from "tldts";
import { related } from "../domain/job/port-host.ts";
import { Vars } from "./env-vars.ts";

/** Which cluster machines join, and how they reach it. */
export interface KubernetesEnv {
  /** path of a kubeconfig; null inside the cluster itself */
  readonly kubeconfig: string | null;
  /** host:port that joining machines reach; null: the API server of the kubeconfig */
  readonly joinEndpoint: string | null;
  readonly labelPrefix: string;
  /** most GPUs that one account may hold on the nodes at a time */
  readonly tenantMaxGpus: number;
  /** addresses of pods, services and nodes that no workspace may reach, besides everything private */
  readonly ownCidrs: readonly string[];
  /** the service account, `namespace/name`, that may reach into rentals: the web's own; null: nobody is given that */
  readonly insideAccount: string | null;
  /** of the pods of rentals; null: the cluster's default */
  readonly runtimeClass: string | null;
}

/** What an operator decided. */
export interface Env {
  readonly databaseUrl: string;
  readonly bindHost: string;
  readonly port: number;
  /** the worker's own; null where it serves none */
  readonly metricsPort: number | null;
  /** origin that people use, without a slash at its end */
  readonly publicUrl: string;
  readonly demo: boolean;
  readonly production: boolean;
  /** 64 hexadecimal digits */
  readonly secretKey: string;
  readonly nextAuthSecret: string;
  /** addresses, lower case */
  readonly operators: readonly string[];
  /** CIDRs whose forwarded headers count */
  readonly trustedProxies: readonly string[];
  readonly anonymousAccount: string | null;
  readonly platformFeeBps: number;
  /** BullMQ and the seed's streams run there; null: rings use PostgreSQL and there are no streams */
  readonly redisUrl: string | null;
  /** unsigned messages on the streams count */
  readonly allowUnsignedStreams: boolean;
  readonly admission: { readonly agent: "automatic" | "manual"; readonly node: "automatic" | "manual" };
  readonly kubernetes: KubernetesEnv | null;
  /** registry and path of the workspace images that the operator builds */
  readonly workspaceRegistry: string;
  /** ports of jobs are served at `<job>.apps.<domain>`, in a demo at `<job>.localhost`; null: they are off */
  readonly appsDomain: string | null;
  /** private addresses, as CIDRs, on which machines with an agent may be reached; everything public may */
  readonly providerCidrs: readonly string[];
  readonly walletConnectProjectId: string | null;
  /** where contract wallets are asked; null leaves only keys */
  readonly chainRpcUrl: string | null;
}

/** Every problem of an environment at once. */
export class EnvError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`Berth cannot start with this environment:\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
    this.name = "EnvError";
  }
}

// A demo is bound to this machine, so that it may start without being given secrets.
const DEMO_SECRET_KEY = "de".repeat(32);
const DEMO_NEXTAUTH_SECRET = "a demo is bound to this machine only";
/** A secret with fewer different characters than this was typed, not drawn. */
const MIN_DIFFERENT_CHARACTERS = 8;

/** @throws EnvError that names every variable that is missing or wrong */
export function parseEnv(source: Readonly<Record<string, string | undefined>>): Env {
  const parsed = Vars.safeParse(source);
  if (!parsed.success)
    throw new EnvError(parsed.error.issues.map((issue) => `${issue.path[0]?.toString()}: ${issue.message}`));
  const vars = parsed.data;
  const demo = vars.BERTH_DEMO ?? false;
  const problems = [...problemsOfAny(vars), ...(demo ? problemsOfADemo(vars) : problemsOutsideADemo(vars))];
  const databaseUrl = databaseUrlOf(vars);
  if (!databaseUrl || problems.length > 0) throw new EnvError(problems);
  const port = vars.PORT ?? vars.PROXY_PORT ?? 8080;
  return {
    databaseUrl,
    port,
    bindHost: vars.HOST ?? (demo ? "127.0.0.1" : "0.0.0.0"),
    metricsPort: vars.METRICS_PORT ?? null,
    publicUrl: new URL(vars.PUBLIC_URL ?? `http://127.0.0.1:${port}`).origin,
    demo,
    production: vars.NODE_ENV === "production",
    secretKey: (vars.BERTH_SECRET_KEY ?? DEMO_SECRET_KEY).toLowerCase(),
    nextAuthSecret: vars.NEXTAUTH_SECRET ?? DEMO_NEXTAUTH_SECRET,
    operators: vars.OPERATOR_ADDRESSES ?? [],
    trustedProxies: vars.TRUSTED_PROXIES ?? [],
    anonymousAccount: vars.ANONYMOUS_ACCOUNT ?? null,
    platformFeeBps: vars.PLATFORM_FEE_BPS ?? 1000,
    redisUrl: redisUrlOf(vars),
    allowUnsignedStreams: vars.STREAMS_ALLOW_UNSIGNED ?? false,
    admission: {
      agent: vars.PROVIDER_ADMISSION ?? "automatic",
      node: vars.PROVIDER_ADMISSION ?? "manual",
    },
    kubernetes: kubernetesOf(vars),
    workspaceRegistry: vars.WORKSPACE_REGISTRY ?? DEFAULT_WORKSPACE_REGISTRY,
    appsDomain: vars.APPS_DOMAIN ?? (demo ? "localhost" : null),
    providerCidrs: vars.PROVIDER_CIDRS ?? (demo ? ["127.0.0.0/8", "::1"] : []),
    walletConnectProjectId: vars.WALLETCONNECT_PROJECT_ID ?? null,
    chainRpcUrl: vars.CHAIN_RPC_URL ?? null,
  };
}

function problemsOfAny(vars: Vars): string[] {
  const problems: string[] = [];
  if (!databaseUrlOf(vars)) problems.push("DATABASE_URL: is missing, and so is POSTGRES_HOST");
  const { PUBLIC_URL, NEXTAUTH_URL } = vars;
  if (PUBLIC_URL && new URL(PUBLIC_URL).pathname !== "/") problems.push("PUBLIC_URL: must have no path");
  if (PUBLIC_URL && NEXTAUTH_URL && new URL(NEXTAUTH_URL).origin !== new URL(PUBLIC_URL).origin)
    problems.push("NEXTAUTH_URL: must have the origin of PUBLIC_URL");
  return problems;
}

function problemsOfADemo(vars: Vars): string[] {
  if (!vars.HOST || vars.HOST === "127.0.0.1") return [];
  return ["HOST: a demo listens on 127.0.0.1 only"];
}

function problemsOutsideADemo(vars: Vars): string[] {
  const problems: string[] = [];
  if (!vars.PUBLIC_URL) problems.push("PUBLIC_URL: is missing");
  for (const name of ["BERTH_SECRET_KEY", "NEXTAUTH_SECRET"] as const) {
    const secret = vars[name];
    if (!secret) problems.push(`${name}: is missing`);
    else if (isGuessable(secret)) problems.push(`${name}: is a default or too simple; draw a random one`);
  }
  if (vars.ANONYMOUS_ACCOUNT) problems.push("ANONYMOUS_ACCOUNT: is for a demo only");
  const apps = vars.APPS_DOMAIN?.replace(/:\d+$/, "");
  if (apps && vars.PUBLIC_URL && sharesCookies(apps, new URL(vars.PUBLIC_URL).hostname))
    problems.push(
      "APPS_DOMAIN: must be a domain that shares nothing with PUBLIC_URL, not even a parent: cookies cross",
    );
  return problems;
}

/** Whether a page at one of the hosts may set cookies that the other is sent. */
function sharesCookies(one: string, other: string): boolean {
  const whole = { allowPrivateDomains: true };
  const registered = getDomain(one, whole);
  return related(one, other) || (registered !== null && registered === getDomain(other, whole));
}

function isGuessable(secret: string): boolean {
  const known =
    [DEMO_SECRET_KEY, DEMO_NEXTAUTH_SECRET].includes(secret) || /change.?me|default|example|your.?secret/i.test(secret);
  return known || new Set(secret).size < MIN_DIFFERENT_CHARACTERS;
}

function databaseUrlOf(vars: Vars): string | undefined {
  if (vars.DATABASE_URL || !vars.POSTGRES_HOST) return vars.DATABASE_URL;
  const url = new URL("postgres://localhost");
  url.hostname = vars.POSTGRES_HOST;
  url.port = String(vars.POSTGRES_PORT ?? 5432);
  url.username = encodeURIComponent(vars.POSTGRES_USER ?? "postgres");
  url.password = encodeURIComponent(vars.POSTGRES_PASSWORD ?? "");
  url.pathname = `/${encodeURIComponent(vars.POSTGRES_DB ?? "berth")}`;
  return url.href;
}

function redisUrlOf(vars: Vars): string | null {
  if (vars.REDIS_URL || !vars.REDIS_HOST) return vars.REDIS_URL ?? null;
  const url = new URL("redis://localhost");
  url.hostname = vars.REDIS_HOST;
  url.port = String(vars.REDIS_PORT ?? 6379);
  if (vars.REDIS_PASSWORD) url.password = encodeURIComponent(vars.REDIS_PASSWORD);
  return url.href;
}

/** Images that a node has, and that no registry is asked for. */
const DEFAULT_WORKSPACE_REGISTRY = "localhost";
const API_PORT = 6443;
const DEFAULT_LABEL_PREFIX = "berth.dev";
const DEFAULT_TENANT_MAX_GPUS = 8;

function kubernetesOf(vars: Vars): KubernetesEnv | null {
  if (!vars.KUBECONFIG && !vars.KUBERNETES_IN_CLUSTER) return null;
  const host = vars.MASTER_PUBLIC_IP;
  const shown = host?.includes(":") ? `[${host}]` : host;
  return {
    kubeconfig: vars.KUBECONFIG ?? null,
    joinEndpoint: shown ? `${shown}:${vars.MASTER_API_PORT ?? API_PORT}` : null,
    labelPrefix: vars.LABEL_PREFIX ?? DEFAULT_LABEL_PREFIX,
    tenantMaxGpus: vars.TENANT_MAX_GPUS ?? DEFAULT_TENANT_MAX_GPUS,
    ownCidrs: vars.CLUSTER_CIDRS ?? [],
    insideAccount: vars.INSIDE_ACCOUNT ?? null,
    runtimeClass: vars.RUNTIME_CLASS ?? null,
  };
}
