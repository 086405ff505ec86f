// A real cluster for tests: machines that join with tokens, Node objects without a kubelet, and everything taken back.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CertificatesV1Api, CoreV1Api, KubeConfig, PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";

/** Path of an admin's kubeconfig; "" where this machine has no cluster for tests, and those that need it are skipped. */
export const TEST_KUBECONFIG = process.env.BERTH_TEST_KUBECONFIG ?? "";

const MERGE = setHeaderOptions("Content-Type", PatchStrategy.MergePatch);
const SIGNER = "kubernetes.io/kube-apiserver-client-kubelet";
const USAGES = ["digital signature", "key encipherment", "client auth"];

export interface Wish {
  readonly subject: string;
  /** such as DNS:evil.example */
  readonly alternativeName?: string;
  readonly signer?: string;
  readonly usages?: string[];
}

export type TestCluster = ReturnType<typeof testCluster>;

/** `close()` it: it deletes every object that it made. */
export function testCluster() {
  const admin = new KubeConfig();
  admin.loadFromFile(TEST_KUBECONFIG);
  const cluster = admin.getCurrentCluster();
  if (!cluster) throw new Error(`${TEST_KUBECONFIG} names no cluster`);
  const folder = mkdtempSync(join(tmpdir(), "berth-kubernetes-"));
  const core = admin.makeApiClient(CoreV1Api);
  const certificates = admin.makeApiClient(CertificatesV1Api);
  const made = { nodes: new Set<string>(), requests: new Set<string>(), tokens: new Set<string>() };
  let keys = 0;

  function as(user: { token?: string; certData?: string; keyData?: string }): KubeConfig {
    const config = new KubeConfig();
    config.loadFromClusterAndUser(
      { name: "test", server: cluster?.server ?? "", caData: cluster?.caData ?? "", skipTLSVerify: false },
      { name: "somebody", ...user },
    );
    return config;
  }

  /** A key and a request for it, made by openssl. @returns base64 of the PEM, as the API takes it */
  function openssl({ subject, alternativeName }: Wish): { request: string; keyFile: string } {
    const keyFile = join(folder, `${keys++}.key`);
    const out = execFileSync(
      "openssl",
      [
        ...["req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
        ...["-keyout", keyFile, "-subj", subject],
        ...(alternativeName ? ["-addext", `subjectAltName=${alternativeName}`] : []),
      ],
      { stdio: ["ignore", "pipe", "ignore"] },
    );
    return { request: out.toString("base64"), keyFile };
  }

  return {
    core,
    certificates,
    server: cluster.server,
    caPem: Buffer.from(cluster.caData ?? "", "base64").toString(),
    as,
    openssl,

    /** Asks for a certificate as whoever holds a bootstrap token. */
    async ask(token: string, name: string, wish: Wish): Promise<{ keyFile: string }> {
      const { request, keyFile } = openssl(wish);
      made.requests.add(name);
      await as({ token })
        .makeApiClient(CertificatesV1Api)
        .createCertificateSigningRequest({
          body: {
            metadata: { name },
            spec: { request, signerName: wish.signer ?? SIGNER, usages: wish.usages ?? USAGES },
          },
        });
      return { keyFile };
    },

    async request(name: string) {
      const { status } = await certificates.readCertificateSigningRequest({ name });
      const condition = status?.conditions?.[0];
      return { decided: condition?.type ?? null, why: condition?.message ?? null, certificate: status?.certificate };
    },

    /** What holds the certificate that was issued. */
    holder: (certificate: string, keyFile: string) =>
      as({ certData: certificate, keyData: readFileSync(keyFile).toString("base64") }).makeApiClient(CoreV1Api),

    /** Registers a Node object, as its kubelet would; as an admin where no other client is given. */
    async register(name: string, { labels = {}, by = core }: { labels?: Record<string, string>; by?: CoreV1Api } = {}) {
      made.nodes.add(name);
      await by.createNode({ body: { metadata: { name, labels }, spec: {} } });
    },

    async status(name: string, ready: "True" | "False" | "Unknown", gpus: number | null, since = new Date()) {
      const at = since.toISOString().replace(/\.\d+Z$/, "Z");
      const resources = {
        cpu: "16",
        memory: "65536Mi",
        "ephemeral-storage": "500Gi",
        pods: "110",
        "nvidia.com/gpu": gpus === null ? null : `${gpus}`,
      };
      const condition = { type: "Ready", status: ready, reason: "Test", message: "", lastTransitionTime: at };
      const body = {
        status: {
          capacity: resources,
          allocatable: resources,
          conditions: [{ ...condition, lastHeartbeatTime: at }],
          nodeInfo: nodeInfo(),
        },
      };
      await core.patchNodeStatus({ name, body }, MERGE);
    },

    node: (name: string) => core.readNode({ name }),
    /**
     * The Node, once the cluster's own controllers are done with it: they write all taints anew, from what they saw a
     * moment ago, and what was written in between is lost.
     */
    async atRest(name: string) {
      for (let last = await core.readNode({ name }), tries = 0; ; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        const now = await core.readNode({ name });
        if (now.metadata?.resourceVersion === last.metadata?.resourceVersion || tries === 30) return now;
        last = now;
      }
    },
    patchNode: (name: string, body: object) => core.patchNode({ name, body }, MERGE),
    async deleteNode(name: string): Promise<void> {
      await core.deleteNode({ name }).catch(() => {});
    },
    /** Deleted at the end, whoever made it. */
    remember(tokenId: string): void {
      made.tokens.add(tokenId);
    },

    async close(): Promise<void> {
      for (const name of made.nodes) await core.deleteNode({ name }).catch(() => {});
      for (const name of made.requests) await certificates.deleteCertificateSigningRequest({ name }).catch(() => {});
      for (const id of made.tokens) {
        await core.deleteNamespacedSecret({ namespace: "kube-system", name: `bootstrap-token-${id}` }).catch(() => {});
        const body = { data: { [`jws-kubeconfig-${id}`]: null } };
        await core
          .patchNamespacedConfigMap({ namespace: "kube-public", name: "cluster-info", body }, MERGE)
          .catch(() => {});
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function nodeInfo() {
  const text = "test";
  return {
    ...{
      architecture: "amd64",
      bootID: text,
      containerRuntimeVersion: text,
      kernelVersion: text,
      kubeProxyVersion: text,
    },
    ...{ kubeletVersion: "v1.20.2", machineID: text, operatingSystem: "linux", osImage: text, systemUUID: text },
  };
}
