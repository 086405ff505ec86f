// What a joining machine reads before it trusts anybody: the public `cluster-info`, signed with each token that is out.
import { createHmac } from "node:crypto";
import { loadYaml } from "@kubernetes/client-node";
import { z } from "zod";

export const CLUSTER_INFO = { namespace: "kube-public", name: "cluster-info" };

/** The key under which kubeadm looks for the signature of its token. */
export const signatureKey = (tokenId: string): string => `jws-kubeconfig-${tokenId}`;

/** A kubeconfig with the cluster alone, as kubeadm publishes it. */
export function clusterInfo(server: string, caPem: string): string {
  const ca = Buffer.from(caPem).toString("base64");
  return `apiVersion: v1
kind: Config
clusters:
- name: ""
  cluster:
    certificate-authority-data: ${ca}
    server: ${server}
contexts: null
current-context: ""
preferences: {}
users: null
`;
}

const ClusterInfo = z.object({
  clusters: z
    .array(z.object({ cluster: z.object({ server: z.url(), "certificate-authority-data": z.base64() }) }))
    .min(1),
});

/** @returns null where it is no kubeconfig with a server and a CA */
export function readClusterInfo(kubeconfig: string): { server: string; caPem: string } | null {
  try {
    const cluster = ClusterInfo.parse(loadYaml(kubeconfig)).clusters[0]?.cluster;
    if (!cluster) return null;
    return {
      server: cluster.server,
      caPem: Buffer.from(cluster["certificate-authority-data"], "base64").toString(),
    };
  } catch {
    return null;
  }
}

/**
 * The detached JWS (RFC 7515, appendix F) that the cluster's bootstrap signer makes, for clusters that run none.
 * @param token kubeadm's, both halves
 */
export function signClusterInfo(kubeconfig: string, token: string): string {
  const [id = "", secret = ""] = token.split(".");
  const header = Buffer.from(JSON.stringify({ alg: "HS256", kid: id })).toString("base64url");
  const payload = Buffer.from(kubeconfig).toString("base64url");
  const signature = createHmac("sha256", secret).update(`${header}.${payload}`).digest("base64url");
  return `${header}..${signature}`;
}

/** @returns host:port, with the port that the scheme implies */
export function hostPort(server: string): string {
  const { hostname, port, protocol } = new URL(server);
  return `${hostname}:${port || (protocol === "http:" ? "80" : "443")}`;
}
