import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments, stringify, type Tags } from "yaml";
import { z } from "zod";
import { parseEnv } from "../server/env.ts";
import { TEST_KUBECONFIG, type TestCluster, testCluster } from "../server/testing/kubernetes.ts";

const OVERLAYS = ["demo", "production"] as const;
const HOME = "berth-system";
const mine = `berth-overlays-${randomBytes(4).toString("hex")}`;

const Named = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.object({ name: z.string(), namespace: z.string().optional() }),
});
const Disruption = z.strictObject({
  apiVersion: z.literal("policy/v1"),
  kind: z.literal("PodDisruptionBudget"),
  metadata: z.strictObject({ name: z.string(), namespace: z.literal(HOME) }),
  spec: z.strictObject({
    maxUnavailable: z.literal(1),
    selector: z.strictObject({ matchLabels: z.record(z.string(), z.string()) }),
  }),
});
const Container = z.object({
  name: z.string(),
  image: z.string(),
  env: z.array(z.object({ name: z.string(), value: z.string().optional() })).default([]),
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })).default([]),
  readinessProbe: z.unknown().optional(),
  livenessProbe: z.unknown().optional(),
  resources: z.object({
    requests: z.object({ cpu: z.string(), memory: z.string() }),
    limits: z.object({ memory: z.string() }),
  }),
  securityContext: z.object({
    allowPrivilegeEscalation: z.literal(false),
    readOnlyRootFilesystem: z.literal(true),
    capabilities: z.object({ drop: z.tuple([z.literal("ALL")]) }),
  }),
});
const Workload = z.object({
  kind: z.string(),
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    replicas: z.number(),
    strategy: z.object({ rollingUpdate: z.object({ maxUnavailable: z.number() }) }).optional(),
    template: z.object({
      metadata: z.object({ labels: z.record(z.string(), z.string()) }),
      spec: z.object({
        automountServiceAccountToken: z.boolean(),
        serviceAccountName: z.string().optional(),
        securityContext: z.object({
          runAsNonRoot: z.literal(true),
          seccompProfile: z.object({ type: z.literal("RuntimeDefault") }),
        }),
        initContainers: z.array(Container.omit({ readinessProbe: true, livenessProbe: true })).default([]),
        containers: z.array(Container),
        volumes: z.array(z.looseObject({ name: z.string() })).default([]),
      }),
    }),
  }),
});

function kubectl(args: readonly string[], input = ""): string {
  return execFileSync("kubectl", args, { input, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] });
}
function rendered(overlay: string): z.infer<typeof Named>[] {
  const text = kubectl(["kustomize", fileURLToPath(new URL(`kustomize/overlays/${overlay}`, import.meta.url))]);
  // An address is too long for a number to kubectl; to this parser it is one.
  const customTags = (tags: Tags) => tags.filter((tag) => typeof tag === "string" || tag.format !== "HEX");
  return parseAllDocuments(text, { customTags }).map((document) => Named.parse(document.toJS()));
}
const workloads = (overlay: string) =>
  rendered(overlay)
    .filter(({ kind }) => kind === "Deployment" || kind === "StatefulSet")
    .map((one) => Workload.parse(one));

describe.skipIf(!TEST_KUBECONFIG)("the overlays (need BERTH_TEST_KUBECONFIG, and kubectl)", () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = testCluster();
    await cluster.core.createNamespace({ body: { metadata: { name: mine } } });
  });
  afterAll(async () => {
    await cluster?.core.deleteNamespace({ name: mine }).catch(() => {});
    await cluster?.close();
  });

  test.each(OVERLAYS)("%s is taken by the API server, object by object", (overlay) => {
    const objects = rendered(overlay).map((one) => ({
      ...one,
      // policy/v1 came with Kubernetes 1.21; a budget of v1beta1 has the same fields.
      apiVersion: one.apiVersion === "policy/v1" ? "policy/v1beta1" : one.apiVersion,
      metadata: { ...one.metadata, ...(one.metadata.name === HOME ? { name: mine } : {}) },
    }));
    const text = objects
      .map((one) => stringify(one))
      .join("---\n")
      .replaceAll(`namespace: ${HOME}`, `namespace: ${mine}`);
    const args = ["--kubeconfig", TEST_KUBECONFIG, "apply", "--dry-run=server", "--validate=true", "-f", "-"];
    const lines = kubectl(args, text).trim().split("\n");
    expect(lines).toHaveLength(objects.length);
    for (const line of lines) expect(line).toMatch(/ (created|configured|unchanged) \(server dry run\)$/);
  });

  test.each(OVERLAYS)("%s drains one pod at a time, whatever a budget selects is there", (overlay) => {
    const budgets = rendered(overlay).filter(({ kind }) => kind === "PodDisruptionBudget");
    const labels = workloads(overlay).map(({ spec }) => spec.template.metadata.labels["app.kubernetes.io/name"]);
    const selected = budgets.map((one) => Disruption.parse(one).spec.selector.matchLabels["app.kubernetes.io/name"]);
    expect(selected).toEqual(["berth-web", "berth-worker"]);
    expect(labels).toEqual(expect.arrayContaining(selected));
  });

  test.each(OVERLAYS)(
    "%s runs everything without root, without rights, with a limit, and updates it without a gap",
    (overlay) => {
      for (const { kind, spec } of workloads(overlay)) {
        const pod = spec.template.spec;
        expect(pod.automountServiceAccountToken).toBe(false);
        for (const one of pod.containers) expect(one.readinessProbe).toBeDefined();
        if (kind !== "Deployment") continue;
        for (const one of pod.containers) expect(one.livenessProbe).toBeDefined();
        expect(spec.strategy?.rollingUpdate.maxUnavailable).toBe(0);
        expect(pod.initContainers.map(({ name }) => name)).toEqual(["migrate"]);
        expect(spec.replicas).toBe(overlay === "production" ? 2 : 1);
      }
    },
  );

  test.each(OVERLAYS)("%s gives a token to the two processes only, each its own account's, for an hour", (overlay) => {
    const holders = workloads(overlay).flatMap(({ spec }) => {
      const { serviceAccountName, initContainers, containers, volumes } = spec.template.spec;
      const tokens = volumes.filter((one) => JSON.stringify(one).includes("serviceAccountToken"));
      for (const one of tokens) expect(JSON.stringify(one)).toContain('"expirationSeconds":3607');
      return [...initContainers, ...containers]
        .filter(({ volumeMounts }) => volumeMounts.some(({ name }) => tokens.some((one) => one.name === name)))
        .map(({ name }) => [name, serviceAccountName]);
    });
    expect(holders).toEqual([
      ["web", "berth-web"],
      ["worker", "berth-worker"],
    ]);
  });

  test.each(OVERLAYS)("%s gives both processes an environment that they start with", (overlay) => {
    const config = rendered(overlay).find(({ kind }) => kind === "ConfigMap");
    const { data } = z.object({ data: z.record(z.string(), z.string()) }).parse(config);
    for (const { metadata, spec } of workloads(overlay).filter(({ kind }) => kind === "Deployment")) {
      const own = spec.template.spec.containers[0]?.env.map(({ name, value }) => [name, value]) ?? [];
      const env = parseEnv({
        ...data,
        ...{ DATABASE_URL: "postgres://berth:x@berth-postgres/berth", REDIS_URL: "redis://redis" },
        ...{ BERTH_SECRET_KEY: randomBytes(32).toString("hex"), NEXTAUTH_SECRET: randomBytes(32).toString("base64") },
        ...Object.fromEntries(own),
      });
      expect(env).toMatchObject({ demo: overlay === "demo", production: true, kubernetes: { kubeconfig: null } });
      expect(env.kubernetes?.insideAccount).toBe("berth-system/berth-web");
      expect(env.appsDomain).toBe(overlay === "demo" ? "localhost" : null);
      expect(metadata.name === "berth-web" ? env.port : env.metricsPort).toBe(
        metadata.name === "berth-web" ? 8080 : 9090,
      );
    }
  });
});
