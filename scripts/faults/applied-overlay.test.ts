import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AppsV1Api, CoreV1Api, KubeConfig, RbacAuthorizationV1Api } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments, stringify, type Tags } from "yaml";
import { z } from "zod";
import { rentalOf } from "../../protocol/operations/job.ts";
import { namespaceOf } from "../../server/adapters/cluster/kubernetes/pods/names.ts";
import { TEST_KUBECONFIG } from "../../server/testing/kubernetes.ts";
import { expectSound } from "../../server/testing/sound.ts";
import { type SshClient, sshClient } from "../../server/testing/ssh.ts";
import { startPostgres } from "../embedded-postgres.ts";
import { migrateDatabase } from "../migrate.ts";
import { Journal, newCustomer } from "./customers.ts";
import { HOME } from "./home.ts";
import { GPU_MODEL } from "./machine.ts";
import { IMAGE } from "./testing/kubernetes.ts";
import { openStand, type Stand } from "./testing/stand.ts";

const OVERLAY = fileURLToPath(new URL("../../deploy/kustomize/overlays/demo", import.meta.url));
const HOME_SPACE = "berth-system";
/** policy/v1 came with Kubernetes 1.21; deploy/overlays.test.ts holds the budgets against its schema. */
const UNKNOWN_IN_1_20 = "policy/v1";
const Named = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
});

function kubectl(args: readonly string[], input = ""): string {
  const all = ["--kubeconfig", TEST_KUBECONFIG, ...args];
  return execFileSync("kubectl", all, { input, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] });
}

/** `kubectl kustomize`, without what this server is too old for. */
function rendered(): string[] {
  const customTags = (tags: Tags) => tags.filter((tag) => typeof tag === "string" || tag.format !== "HEX");
  return parseAllDocuments(kubectl(["kustomize", OVERLAY]), { customTags })
    .map((document) => Named.parse(document.toJS()))
    .filter(({ apiVersion }) => apiVersion !== UNKNOWN_IN_1_20)
    .map((one) => stringify(one));
}

describe.skipIf(!TEST_KUBECONFIG)(
  "the demo overlay, applied as it is (needs BERTH_TEST_KUBECONFIG, and kubectl)",
  () => {
    const admin = new KubeConfig();
    const undo: (() => unknown)[] = [];
    let objects: string[];
    let applied: string[];
    let stand: Stand;
    let client: SshClient;
    beforeAll(async () => {
      admin.loadFromFile(TEST_KUBECONFIG);
      objects = rendered();
      const file = objects.join("---\n");
      undo.push(() => kubectl(["delete", "--ignore-not-found", "--wait=true", "-f", "-"], file));
      applied = kubectl(["apply", "-f", "-"], file).trim().split("\n");

      await mkdir(HOME, { recursive: true });
      const folder = await mkdtemp(join(HOME, `${process.pid}-`));
      undo.push(() => rm(folder, { recursive: true, force: true }));
      const database = await startPostgres({ dataDir: join(folder, "data"), password: "test", durable: true });
      undo.push(() => database.stop());
      await migrateDatabase(database.url);
      stand = await openStand({
        ...{ databaseUrl: database.url, folder, webs: 1, workers: 1, admin: TEST_KUBECONFIG },
        kubeconfig: await as("berth-worker", folder),
        webKubeconfig: await as("berth-web", folder),
        env: { NODE_ENV: "production", INSIDE_ACCOUNT: `${HOME_SPACE}/berth-web` },
      });
      undo.push(() => stand.close());
      await stand.provider({ nodeName: (await stand.node()).metadata?.name ?? "", gpus: 2, cpuCores: 2 });
      await stand.start();
      client = await sshClient();
      undo.push(() => client.close());
    }, 300_000);
    afterAll(async () => {
      for (const step of undo.reverse()) await step();
    }, 300_000);

    /** A kubeconfig with a token of exactly this account of the overlay. */
    async function as(name: string, folder: string): Promise<string> {
      const body = { spec: { audiences: [], expirationSeconds: 3600 } };
      const core = admin.makeApiClient(CoreV1Api);
      const { status } = await core.createNamespacedServiceAccountToken({ namespace: HOME_SPACE, name, body });
      const { server = "", caData = "" } = admin.getCurrentCluster() ?? {};
      const config = new KubeConfig();
      const user = { name, token: status?.token ?? "" };
      config.loadFromClusterAndUser({ name: "test", server, caData, skipTLSVerify: false }, user);
      const file = join(folder, `${name}.kubeconfig`);
      await writeFile(file, config.exportConfig(), { mode: 0o600 });
      return file;
    }

    test("is taken object by object, and every pod of it waits for nothing but images and secrets", async () => {
      expect(applied).toHaveLength(objects.length);
      for (const line of applied) expect(line).toMatch(/ created$/);
      const apps = admin.makeApiClient(AppsV1Api);
      const core = admin.makeApiClient(CoreV1Api);
      for (const name of ["berth-web", "berth-worker"]) {
        const { spec } = await apps.readNamespacedDeployment({ namespace: HOME_SPACE, name });
        expect(spec?.template.spec?.serviceAccountName).toBe(name);
        const labelSelector = `app.kubernetes.io/name=${name}`;
        const waits = async () => {
          const [pod] = (await core.listNamespacedPod({ namespace: HOME_SPACE, labelSelector })).items;
          return pod?.status?.initContainerStatuses?.[0]?.state?.waiting?.reason;
        };
        await expect
          .poll(waits, { timeout: 60_000 })
          .toMatch(/^(ErrImagePull|ImagePullBackOff|CreateContainerConfigError)$/);
      }
      const service = await core.readNamespacedService({ namespace: HOME_SPACE, name: "berth-web" });
      expect(service.spec?.selector).toEqual({ "app.kubernetes.io/name": "berth-web" });
    }, 120_000);

    test("its two accounts suffice for a whole rental: rent, shell, log, stop, over REST and ssh", async () => {
      const url = stand.urls[0] ?? "";
      const { client: berth, account } = await newCustomer(url, new Journal());
      const { id } = await berth.createJob({
        idempotencyKey: "applied",
        body: {
          ...{ kind: "rental", name: "applied", gpu_count: 1, gpu_type: GPU_MODEL, cpu_cores: 1, memory_gb: 1 },
          ...{ storage_gb: 1, duration_hours: 1, ssh_public_key: client.publicKey, image: IMAGE },
        },
      });
      const job = async () => rentalOf(await berth.getJob({ params: { id } }));
      await expect.poll(async () => (await job()).status, { timeout: 120_000 }).toBe("running");
      const { ssh } = await job();
      if (!ssh?.host_key) throw new Error("no host key is shown");
      expect(await client.ssh(ssh.port, ssh.host_key, "echo ahoy from $BERTH_JOB_ID")).toBe(`ahoy from ${id}\n`);
      const said = async () => JSON.stringify(await berth.getJobLogs({ params: { id }, query: {} }));
      await expect.poll(said, { timeout: 20_000 }).toContain("Accepted publickey for root");
      const ready = await (await fetch(`${url}/ready`)).json();
      expect(ready).toEqual({ status: "ready", database: "ok", worker: "ok", queue: "ok", cluster: "ok" });

      await berth.stopJob({ params: { id } });
      await expect.poll(async () => (await job()).status, { timeout: 60_000 }).toBe("stopped");
      const namespace = namespaceOf(account);
      const left = async () => {
        const core = admin.makeApiClient(CoreV1Api);
        const [pods, services, secrets] = await Promise.all([
          core.listNamespacedPod({ namespace }),
          core.listNamespacedService({ namespace }),
          core.listNamespacedSecret({ namespace }),
        ]);
        const all = [...pods.items, ...services.items, ...secrets.items].map(({ metadata }) => metadata?.name ?? "");
        return all.filter((name) => name.startsWith("exec-"));
      };
      await expect.poll(left, { timeout: 60_000 }).toEqual([]);
      const rbac = admin.makeApiClient(RbacAuthorizationV1Api);
      const { subjects } = await rbac.readNamespacedRoleBinding({ namespace, name: "berth-inside" });
      expect(subjects).toEqual([{ kind: "ServiceAccount", name: "berth-web", namespace: HOME_SPACE }]);
      await expectSound(stand.db);
    }, 300_000);
  },
);
