// Whom the pods of a tenant may reach, and who reaches them. A network that enforces no policies enforces none of these.
import type { V1NetworkPolicy } from "@kubernetes/client-node";
import { SSH_PORT } from "../../../../../domain/execution/entry-script.ts";
import type { ClusterRules } from "./manifests.ts";
import { keysOf, MANAGED_BY, MANAGER, NO_NETWORK, namespaceOf } from "./names.ts";

/** Ranges that are nobody's public internet: private, shared, loopback, link-local, test, multicast, reserved. */
const NOT_THE_INTERNET = [
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"],
  ...["192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4"],
];
const NOT_THE_INTERNET_6 = ["::1/128", "::/128", "64:ff9b::/96", "fc00::/7", "fe80::/10", "ff00::/8"];

/**
 * In: SSH. Out: names, and the internet but for port 25; no other pod, service, node, or metadata server. The ranges
 * of ports need `endPort` (Kubernetes 1.22); a cluster that does not know it lets out less, not more.
 */
export function networkPolicy(tenant: string, { labelPrefix, ownCidrs }: ClusterRules): V1NetworkPolicy {
  const six = (cidr: string) => cidr.includes(":");
  return {
    metadata: { name: MANAGER, namespace: namespaceOf(tenant), labels: { [MANAGED_BY]: MANAGER } },
    spec: {
      // What any policy allows is allowed: pods without a network are not of this one.
      podSelector: {
        matchExpressions: [{ key: keysOf(labelPrefix).network, operator: "NotIn", values: [NO_NETWORK] }],
      },
      policyTypes: ["Ingress", "Egress"],
      ingress: [{ ports: [{ protocol: "TCP", port: SSH_PORT }] }],
      egress: [
        {
          to: [
            {
              namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } },
              podSelector: { matchLabels: { "k8s-app": "kube-dns" } },
            },
          ],
          ports: [
            { protocol: "UDP", port: 53 },
            { protocol: "TCP", port: 53 },
          ],
        },
        {
          to: [
            {
              ipBlock: { cidr: "0.0.0.0/0", except: [...NOT_THE_INTERNET, ...ownCidrs.filter((cidr) => !six(cidr))] },
            },
            { ipBlock: { cidr: "::/0", except: [...NOT_THE_INTERNET_6, ...ownCidrs.filter(six)] } },
          ],
          ports: [
            { protocol: "TCP", port: 1, endPort: 24 },
            { protocol: "TCP", port: 26, endPort: 65_535 },
            { protocol: "UDP", port: 1, endPort: 65_535 },
          ],
        },
      ],
    },
  };
}

/** Nothing in, nothing out: for jobs that did not ask for a network. */
export function noNetworkPolicy(tenant: string, { labelPrefix }: ClusterRules): V1NetworkPolicy {
  return {
    metadata: { name: `${MANAGER}-no-network`, namespace: namespaceOf(tenant), labels: { [MANAGED_BY]: MANAGER } },
    spec: {
      podSelector: { matchLabels: { [keysOf(labelPrefix).network]: NO_NETWORK } },
      policyTypes: ["Ingress", "Egress"],
    },
  };
}
