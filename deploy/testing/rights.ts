// Rights as lines of text, from two sides: what the manifests give, and what the source of the adapters calls.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { grants } from "../../server/adapters/cluster/kubernetes/nodes/rights.ts";
import { INSIDE_ROLE, insideBinding } from "../../server/adapters/cluster/kubernetes/pods/manifests.ts";

/** `kube-system: get secrets`, `cluster: get clusterroles.rbac.authorization.k8s.io/berth:join-nodes`, `tenant: get pods` */
export type Right = string;

const SOURCES = new URL("../../server/adapters/cluster/kubernetes/", import.meta.url);
const BASE = new URL("../kustomize/base/rbac.yaml", import.meta.url);
const CONFIG = new URL("../kustomize/base/kustomization.yaml", import.meta.url);
/** What the web uses of the adapters; the worker uses the rest. */
const OF_THE_WEB = /^inside\//;
const RBAC = "rbac.authorization.k8s.io";
/** Versions of Kubernetes, 1.x, that the guide names and a while beyond. */
const MINORS = Array.from({ length: 22 }, (_, n) => 19 + n);

export function right(scope: string, verb: string, resource: string, group: string, name: string | null): Right {
  return `${scope}: ${verb} ${resource}${group && `.${group}`}${name === null ? "" : `/${name}`}`;
}

const Rule = z.strictObject({
  apiGroups: z.array(z.string()),
  resources: z.array(z.string()),
  resourceNames: z.array(z.string()).optional(),
  verbs: z.array(z.string()),
});
export const Granting = z.object({
  kind: z.enum(["ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding"]),
  metadata: z.object({ name: z.string(), namespace: z.string().optional() }),
  rules: z.array(Rule).optional(),
  roleRef: z.object({ apiGroup: z.string(), kind: z.string(), name: z.string() }).optional(),
  subjects: z.array(z.object({ kind: z.string(), name: z.string(), namespace: z.string() })).optional(),
});
export type Granting = z.infer<typeof Granting>;

export function manifests(): Granting[] {
  return parseAllDocuments(readFileSync(BASE, "utf8")).map((document) => Granting.parse(document.toJS()));
}

/** What the base tells both processes. */
export function settings(): ReadonlyMap<string, string> {
  const text = readFileSync(CONFIG, "utf8");
  return new Map([...text.matchAll(/^ +- ([A-Z_]+)=(.*)$/gm)].map(([, name = "", value = ""]) => [name, value]));
}

/** What an account of the base is given: by every binding that names it, and by the one that the worker makes. */
export function given(account: string): Right[] {
  const all = manifests();
  const bound = all.flatMap(({ subjects, roleRef, metadata: { namespace } }) => {
    if (!subjects?.some(({ name }) => name === account)) return [];
    const role = all.find(
      ({ kind, metadata }) =>
        kind === roleRef?.kind &&
        metadata.name === roleRef.name &&
        (kind === "ClusterRole" || metadata.namespace === namespace),
    );
    if (!role) throw new Error(`${roleRef?.name} is bound, but there is no such role`);
    return rightsOf(role, namespace ?? "cluster");
  });
  return [...bound, ...givenByTheWorker(account, all)];
}

function givenByTheWorker(account: string, all: readonly Granting[]): Right[] {
  const rules = { labelPrefix: "berth.dev", tenantMaxGpus: 0, ownCidrs: [], runtimeClass: null };
  const binding = insideBinding("0x0", { ...rules, insideAccount: settings().get("INSIDE_ACCOUNT") ?? null });
  if (!binding?.subjects?.some(({ name }) => name === account)) return [];
  const role = all.find(
    ({ kind, metadata }) => kind === binding.roleRef.kind && metadata.name === binding.roleRef.name,
  );
  if (!role) throw new Error(`${binding.roleRef.name} is bound by the worker, but there is no such role`);
  return rightsOf(role, "tenant");
}

function rightsOf({ rules = [] }: Granting, scope: string): Right[] {
  return rules.flatMap((rule) =>
    rule.apiGroups.flatMap((group) =>
      rule.resources.flatMap((resource) =>
        rule.verbs.flatMap((verb) =>
          (rule.resourceNames ?? [null]).map((name) => right(scope, verb, resource, group, name)),
        ),
      ),
    ),
  );
}

const GROUPS: Readonly<Record<string, string>> = {
  core: "",
  certificates: "certificates.k8s.io",
  networking: "networking.k8s.io",
  rbac: RBAC,
};
const VERBS: Readonly<Record<string, string>> = {
  read: "get",
  list: "list",
  create: "create",
  patch: "patch",
  replace: "update",
  delete: "delete",
  deleteCollection: "deletecollection",
};
const KINDS: Readonly<Record<string, string>> = {
  ClusterRole: "clusterroles",
  ClusterRoleBinding: "clusterrolebindings",
  CertificateSigningRequest: "certificatesigningrequests",
  CertificateSigningRequestApproval: "certificatesigningrequests/approval",
  ConfigMap: "configmaps",
  Namespace: "namespaces",
  NetworkPolicy: "networkpolicies",
  Node: "nodes",
  Pod: "pods",
  PodLog: "pods/log",
  ResourceQuota: "resourcequotas",
  Role: "roles",
  RoleBinding: "rolebindings",
  Secret: "secrets",
  Service: "services",
};
/** Verbs that know no names, or come without one. */
const NAMELESS = ["create", "list", "watch"];

/** Helpers of the SDK that call by themselves, and what for. WebSockets need both verbs: see rbac.yaml. */
const HELPERS: Readonly<Record<string, readonly (readonly [verb: string, resource: string])[]>> = {
  Exec: both("pods/exec"),
  Attach: both("pods/attach"),
  PortForward: both("pods/portforward"),
  Log: [["get", "pods/log"]],
};

function both(resource: string) {
  return [["get", resource] as const, ["create", resource] as const];
}

/** Where an adapter calls what has a namespace, and for which objects; rentals are everywhere. */
const PLACES: Readonly<Record<string, readonly (readonly [scope: string, name: string | null])[]>> = {
  "nodes/kubernetes.ts configmaps": [["kube-public", "cluster-info"]],
  "nodes/kubernetes.ts secrets": [["kube-system", null]],
  "pods/ensure.ts rolebindings": [["cluster", INSIDE_ROLE]],
};

/**
 * What the adapters call for an account of the base.
 * @throws where the source calls what this file does not know: teach it, so that nothing is overlooked
 */
export function called(account: "berth-web" | "berth-worker"): Right[] {
  const web = account === "berth-web";
  const files = readdirSync(SOURCES, { recursive: true, encoding: "utf8" }).filter(
    (file) => /(?<!\.test)\.ts$/.test(file) && OF_THE_WEB.test(file) === web,
  );
  const calls = files.flatMap((file) => callsOf(file, readFileSync(new URL(file, SOURCES), "utf8")));
  if (!calls.length) throw new Error(`nothing is called in ${fileURLToPath(SOURCES)}`);
  return [...new Set([...calls, ...(web ? [] : heldForGrants())])];
}

function callsOf(file: string, text: string): Right[] {
  const rights: Right[] = [];
  for (const [, client = "", method = ""] of text.matchAll(/\bapi\.(\w+)\.(\w+)\(/g)) {
    if (client === "version") continue; // everybody who is authenticated may ask: system:public-info-viewer
    const [, verbed = "", , kind = ""] =
      /^(read|list|create|patch|replace|delete|deleteCollection)(Namespaced)?([A-Z]\w*?)(ForAllNamespaces)?$/.exec(
        method,
      ) ?? [];
    const [group, verb, resource] = [GROUPS[client], VERBS[verbed], KINDS[kind]];
    if (group === undefined || !verb || !resource) throw new Error(`${file}: api.${client}.${method} is unknown here`);
    rights.push(...placed(file, verb, resource, group));
    if (resource === "certificatesigningrequests/approval")
      rights.push(right("cluster", "approve", "signers", group, "kubernetes.io/kube-apiserver-client-kubelet"));
  }
  for (const [, group = "", resource = ""] of text.matchAll(/path: "\/apis?\/(?:([\w.]+)\/)?v1\/(\w+)"/g))
    rights.push(right("cluster", "watch", resource, group, null));
  for (const [, helper = ""] of text.matchAll(/\bnew (Exec|Attach|PortForward|Log)\(/g)) {
    for (const [verb, resource] of HELPERS[helper] ?? []) rights.push(right(scopeOf(file), verb, resource, "", null));
  }
  for (const [, subresource = ""] of text.matchAll(/\/pods\/\$\{[^}]*\}\/(exec|attach|portforward|log)\b/g))
    for (const verb of subresource === "log" ? ["get"] : ["get", "create"])
      rights.push(right(scopeOf(file), verb, `pods/${subresource}`, "", null));
  return rights;
}

/** The web is let into tenants' namespaces only. */
function scopeOf(file: string): string {
  return OF_THE_WEB.test(file) ? "tenant" : "cluster";
}

function placed(file: string, verb: string, resource: string, group: string): Right[] {
  const named = NAMELESS.includes(verb) ? (_: string | null) => null : (name: string | null) => name;
  const places =
    PLACES[`${file} ${resource}`] ?? (group === RBAC ? placesOfGrants(resource) : ([[scopeOf(file), null]] as const));
  return places.map(([scope, name]) => right(scope, verb, resource, group, named(name)));
}

function allGrants() {
  return MINORS.flatMap((minor) => [...grants(minor)]);
}

/** Roles and bindings are read and written where machines that join are given something, by their names. */
function placesOfGrants(resource: string): [scope: string, name: string][] {
  return allGrants().flatMap(({ name, namespace, role }): [string, string][] => {
    const kinds =
      namespace === null
        ? ["clusterrolebindings", ...(typeof role === "string" ? [] : ["clusterroles"])]
        : ["rolebindings", ...(typeof role === "string" ? [] : ["roles"])];
    return kinds.includes(resource) ? [[namespace ?? "cluster", name]] : [];
  });
}

/** Whoever gives a right holds it, or may bind the role that has it. */
function heldForGrants(): Right[] {
  const toTheWeb = right("cluster", "bind", "clusterroles", RBAC, INSIDE_ROLE);
  const toMachines = allGrants().flatMap(({ namespace, role }) => {
    const scope = namespace ?? "cluster";
    if (typeof role === "string") return [right(scope, "bind", "clusterroles", RBAC, role)];
    return role.flatMap(({ apiGroups = [], resources = [], resourceNames, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          verbs.flatMap((verb) => (resourceNames ?? [null]).map((name) => right(scope, verb, resource, group, name))),
        ),
      ),
    );
  });
  return [toTheWeb, ...toMachines];
}
