// The nodes of a Kubernetes cluster: tokens to join with, requests to answer, marks, and what changed.

import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Marks } from "../../../../../domain/node/marks.ts";
import { JOIN_GROUP, type JoinRequest, type SeenNode, tokenOf } from "../../../../../domain/node/seen.ts";
import type { JoinTarget, Log, NodeChange, Nodes } from "../../../../deps.ts";
import { type Api, againOnConflict, codeOf, MERGE, openApi, openConfig, orNull, patiently } from "../api.ts";
import type { Tally } from "../tally.ts";
import { type Followed, follow } from "../watch.ts";
import { caHash } from "./certificate.ts";
import { CLUSTER_INFO, clusterInfo, hostPort, readClusterInfo, signatureKey, signClusterInfo } from "./cluster-info.ts";
import { markPatch } from "./patch.ts";
import { AnyObject, joinRequest, NodeObject, RequestObject, seenNode } from "./read.ts";
import { ensureRights } from "./rights.ts";

export interface KubernetesNodesOptions {
  /** path of a kubeconfig; null inside the cluster itself */
  readonly kubeconfig: string | null;
  /** host:port that joining machines reach; null: what `cluster-info` says, or the kubeconfig */
  readonly joinEndpoint: string | null;
  readonly labelPrefix: string;
  readonly log: Log;
  readonly tally?: Tally;
}

const SYSTEM = "kube-system";
const PAGE = 500;
/** Conditions of a decision, for whoever reads the request. */
const APPROVED = { type: "Approved", status: "True", reason: "BerthIssuedName" };
const DENIED = { type: "Denied", status: "True", reason: "BerthRefused" };

/** Reads the kubeconfig at once, the cluster only when asked: one that is away stops nobody. */
export function kubernetesNodes(options: KubernetesNodesOptions): Nodes {
  const api = openApi(openConfig(options.kubeconfig), options.tally);
  const { labelPrefix: prefix, log } = options;
  const decide = (request: string, condition: typeof APPROVED, message: string) =>
    answer(api, request, { ...condition, message });

  async function allNodes(): Promise<{ nodes: SeenNode[]; version: string }> {
    const { items, version } = await paged((_continue) =>
      api.core.listNode({ limit: PAGE, ...(_continue ? { _continue } : {}) }),
    );
    return { nodes: items.map((item) => seenNode(NodeObject.parse(item), prefix)), version };
  }

  async function allRequests(): Promise<{ requests: JoinRequest[]; version: string }> {
    const { items, version } = await paged((_continue) =>
      api.certificates.listCertificateSigningRequest({ limit: PAGE, ...(_continue ? { _continue } : {}) }),
    );
    return { requests: items.flatMap((item) => joinRequest(RequestObject.parse(item)) ?? []), version };
  }

  return {
    async prepare() {
      await ensureRights(api);
      return target(await ensureClusterInfo(api, options), options);
    },

    async issueToken(token, nodeName, expiresAt) {
      await ensureSecret(api, token, nodeName, expiresAt);
      const info = await ensureClusterInfo(api, options);
      const [id = ""] = token.split(".");
      const signature = signClusterInfo(info.kubeconfig, token);
      if (info.data[signatureKey(id)] === signature) return;
      await patiently(() =>
        api.core.patchNamespacedConfigMap(
          { ...CLUSTER_INFO, body: { data: { [signatureKey(id)]: signature } } },
          MERGE,
        ),
      );
    },

    async revokeToken(tokenId) {
      await orNull(() => api.core.deleteNamespacedSecret({ namespace: SYSTEM, name: secretName(tokenId) }));
      const info = await orNull(() => api.core.readNamespacedConfigMap(CLUSTER_INFO));
      if (info?.data?.[signatureKey(tokenId)] === undefined) return;
      const body = { data: { [signatureKey(tokenId)]: null } };
      await orNull(() => api.core.patchNamespacedConfigMap({ ...CLUSTER_INFO, body }, MERGE));
    },

    async requests(tokenId) {
      const { requests } = await allRequests();
      return requests.filter(({ username }) => tokenId === undefined || tokenOf(username) === tokenId);
    },
    approve: (request) => decide(request, APPROVED, "The name that Berth issued, asked for with its token."),
    refuse: (request, why) => decide(request, DENIED, `Refused by Berth: ${why}.`),

    async find(name) {
      const node = await orNull(() => api.core.readNode({ name }));
      return node && seenNode(NodeObject.parse(node), prefix);
    },
    list: async () => (await allNodes()).nodes,
    mark: (name, uid, marks) => mark(api, prefix, name, uid, marks),

    async watch(onChange, signal) {
      const onTrouble = (error: unknown) => log.warn({ err: error }, "a watch of the cluster broke; it goes on");
      const { config } = api;
      const { tally } = options;
      await Promise.all([
        follow(
          {
            ...watchOfNodes({ config, tally, onTrouble }, prefix, allNodes, onChange),
            onBack: () => onChange({ kind: "back" }),
          },
          signal,
        ),
        follow(watchOfRequests({ config, tally, onTrouble }, allRequests, onChange), signal),
      ]);
    },
  };
}

/** Nodes say much, mostly the same: only what we look at rings. */
function watchOfNodes(
  base: Pick<Followed, "config" | "tally" | "onTrouble">,
  prefix: string,
  list: () => Promise<{ nodes: SeenNode[]; version: string }>,
  onChange: (change: NodeChange) => void,
) {
  const known = new Map<string, string>();
  const print = ({ heartbeatAt: _, ...node }: SeenNode) => JSON.stringify(node);
  return {
    ...base,
    path: "/api/v1/nodes",
    async list() {
      const { nodes, version } = await list();
      known.clear();
      for (const node of nodes) known.set(node.name, print(node));
      onChange({ kind: "anything" });
      return version;
    },
    onObject(type: "ADDED" | "MODIFIED" | "DELETED", object: unknown) {
      const parsed = NodeObject.safeParse(object);
      const name = AnyObject.safeParse(object).data?.metadata.name;
      if (name === undefined) return;
      const text = parsed.success && type !== "DELETED" ? print(seenNode(parsed.data, prefix)) : null;
      if (text !== null && known.get(name) === text) return;
      if (text === null) known.delete(name);
      else known.set(name, text);
      onChange({ kind: "node", name });
    },
  };
}

function watchOfRequests(
  base: Pick<Followed, "config" | "tally" | "onTrouble">,
  list: () => Promise<{ requests: JoinRequest[]; version: string }>,
  onChange: (change: NodeChange) => void,
) {
  return {
    ...base,
    path: "/apis/certificates.k8s.io/v1/certificatesigningrequests",
    async list() {
      const { version } = await list();
      onChange({ kind: "anything" });
      return version;
    },
    onObject(_type: string, object: unknown) {
      const parsed = RequestObject.safeParse(object);
      const request = parsed.success ? joinRequest(parsed.data) : null;
      const tokenId = request && tokenOf(request.username);
      if (tokenId) onChange({ kind: "request", tokenId });
    },
  };
}

interface Page<T> {
  readonly items: T[];
  readonly metadata?: { readonly _continue?: string; readonly resourceVersion?: string };
}

async function paged<T>(
  page: (cursor: string | undefined) => Promise<Page<T>>,
): Promise<{ items: T[]; version: string }> {
  const items: T[] = [];
  let cursor: string | undefined;
  let version = "";
  do {
    const { items: some, metadata } = await patiently(() => page(cursor));
    items.push(...some);
    version = metadata?.resourceVersion ?? version;
    cursor = metadata?._continue || undefined;
  } while (cursor);
  return { items, version };
}

interface ClusterInfo {
  readonly kubeconfig: string;
  readonly server: string;
  readonly caPem: string;
  readonly data: Readonly<Record<string, string>>;
}

/** What the cluster publishes about itself; ours where it publishes nothing. */
async function ensureClusterInfo(api: Api, options: KubernetesNodesOptions): Promise<ClusterInfo> {
  for (;;) {
    const found = await orNull(() => api.core.readNamespacedConfigMap(CLUSTER_INFO));
    const kubeconfig = found?.data?.kubeconfig;
    if (found && kubeconfig) {
      const read = readClusterInfo(kubeconfig);
      if (!read) throw new Error("kube-public/cluster-info holds no kubeconfig with a server and a CA; repair it");
      return { kubeconfig, ...read, data: found.data ?? {} };
    }
    const server = options.joinEndpoint ? `https://${options.joinEndpoint}` : api.cluster.server;
    const data = { kubeconfig: clusterInfo(server, caOf(api)) };
    const { namespace, name } = CLUSTER_INFO;
    try {
      if (found) await patiently(() => api.core.patchNamespacedConfigMap({ namespace, name, body: { data } }, MERGE));
      else
        await patiently(() =>
          api.core.createNamespacedConfigMap({ namespace, body: { metadata: { name, namespace }, data } }),
        );
    } catch (error) {
      if (codeOf(error) !== 409) throw error; // another worker published it a moment ago: read what it says
    }
  }
}

/** In the cluster itself the API server's address leads nowhere from outside: what the cluster publishes does. */
function target(info: ClusterInfo, { joinEndpoint }: KubernetesNodesOptions): JoinTarget {
  return { apiServer: joinEndpoint ?? hostPort(info.server), caHash: caHash(info.caPem) };
}

function caOf({ cluster }: Api): string {
  const pem = cluster.caData
    ? Buffer.from(cluster.caData, "base64").toString()
    : cluster.caFile
      ? readFileSync(cluster.caFile, "utf8")
      : null;
  if (!pem)
    throw new Error("the kubeconfig has no certificate-authority: machines that join could not check the cluster");
  return new X509Certificate(pem).toString();
}

const secretName = (tokenId: string) => `bootstrap-token-${tokenId}`;

/**
 * As kubeadm makes it, but of a group of our own that nothing approves by itself. What is there already is taken for the
 * same: looking would need the right to read every secret of the system, for a chance of one in two thousand million.
 */
async function ensureSecret(api: Api, token: string, nodeName: string, expiresAt: Date): Promise<void> {
  const [id = "", secret = ""] = token.split(".");
  const name = secretName(id);
  const stringData = {
    "token-id": id,
    "token-secret": secret,
    description: `Berth: lets ${nodeName} join`,
    expiration: expiresAt.toISOString().replace(/\.\d+Z$/, "Z"),
    "usage-bootstrap-authentication": "true",
    "usage-bootstrap-signing": "true",
    "auth-extra-groups": JOIN_GROUP,
  };
  const body = { metadata: { name, namespace: SYSTEM }, type: "bootstrap.kubernetes.io/token", stringData };
  try {
    await patiently(() => api.core.createNamespacedSecret({ namespace: SYSTEM, body }));
  } catch (error) {
    if (codeOf(error) !== 409) throw error;
  }
}

/** Writes a decision, unless there is one. */
function answer(api: Api, name: string, condition: typeof APPROVED & { message: string }): Promise<void> {
  return againOnConflict(async () => {
    const request = await orNull(() => api.certificates.readCertificateSigningRequest({ name }));
    if (!request) return;
    const conditions = request.status?.conditions ?? [];
    if (conditions.some(({ type }) => type === "Approved" || type === "Denied")) return;
    const body = {
      metadata: { resourceVersion: request.metadata?.resourceVersion },
      status: { conditions: [...conditions, condition] },
    };
    try {
      await patiently(() => api.certificates.patchCertificateSigningRequestApproval({ name, body }, MERGE));
    } catch (error) {
      // Whoever may deny for a signer may approve for it: other signers' requests are left as they are, undecided.
      if (codeOf(error) !== 403 || condition.type !== DENIED.type) throw error;
    }
  });
}

function mark(api: Api, prefix: string, name: string, uid: string, marks: Marks): Promise<boolean> {
  return againOnConflict(async () => {
    const node = await orNull(() => api.core.readNode({ name }));
    if (node?.metadata?.uid !== uid) return false;
    const patch = markPatch(NodeObject.parse(node), marks, prefix);
    if (!patch) return true;
    return (await orNull(() => api.core.patchNode({ name, body: patch }, MERGE))) !== null;
  });
}
