import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ENTRY_SCRIPT } from "../../../../../domain/execution/entry-script.ts";
import type { Observed } from "../../../../../domain/execution/spec.ts";
import { type ExecutionId, formatId } from "../../../../../domain/ids.ts";
import { TEST_KUBECONFIG, type TestCluster, testCluster } from "../../../../testing/kubernetes.ts";
import { type SshClient, sshClient } from "../../../../testing/ssh.ts";
import { newHostKey } from "../../../system/host-key.ts";
import { envSecret, namespace, type PodSpec, pod, service, sshSecret } from "./manifests.ts";
import { namespaceOf, podName } from "./names.ts";
import { PodObject, podState } from "./read.ts";

const TENANT = `0x${randomBytes(20).toString("hex")}`;
const WITH_SSHD = "localhost/debian:12";
const WITHOUT_SSHD = "localhost/busybox:1";
const RULES = { labelPrefix: "berth-entry.test", tenantMaxGpus: 0, ownCidrs: [], runtimeClass: null };
const hostKey = newHostKey();
let kube: TestCluster;
let client: SshClient;
let node: string;
const made: ExecutionId[] = [];

/** Starts a workspace from the very manifests, with something done in its image before the entry script begins. */
async function start(
  image: string,
  env: Record<string, string>,
  { before = "", command = null }: { before?: string; command?: readonly string[] | null } = {},
): Promise<{ name: string; port: number }> {
  const id = formatId("exec", Date.now(), randomBytes(10));
  made.push(id);
  const spec: PodSpec = {
    ...{ id, jobId: formatId("job", 1, randomBytes(10)), providerId: formatId("prov", 1, randomBytes(10)) },
    ...{
      kind: "rental",
      image,
      cpuCores: 1,
      memoryMb: 128,
      diskGb: 1,
      gpuUuids: [],
      env,
      sshPublicKeys: [client.publicKey],
    },
    ...{ command, registryLogin: null, sshHostKey: hostKey.privateKey, deadline: "2027-01-01T00:00:00.000Z" },
    ...{ tenant: TENANT, nodeName: node, host: "127.0.0.1" },
  };
  const at = { namespace: namespaceOf(TENANT) };
  const door = await kube.core.createNamespacedService({ ...at, body: service(spec, RULES) });
  const port = door.spec?.ports?.[0]?.nodePort ?? 0;
  await kube.core.createNamespacedSecret({ ...at, body: sshSecret(spec, RULES) });
  await kube.core.createNamespacedSecret({ ...at, body: envSecret(spec, RULES, port) });
  const body = pod(spec, RULES);
  const [workspace] = body.spec?.containers ?? [];
  if (workspace) {
    workspace.command = ["/bin/sh", "-c", `${before}\n${ENTRY_SCRIPT}`];
    const some = { cpu: "100m", memory: "128Mi" }; // the test node has two cores, and others use them
    workspace.resources = { requests: some, limits: some };
  }
  await kube.core.createNamespacedPod({ ...at, body });
  return { name: podName(id), port };
}

async function seen(name: string, port: number, state: Observed["state"]): Promise<Observed> {
  for (let tries = 0; tries < 600; tries++) {
    const found = PodObject.parse(await kube.core.readNamespacedPod({ name, namespace: namespaceOf(TENANT) }));
    const now = podState(found, { host: "127.0.0.1", port }, new Date());
    if (now.state === state) return now;
    if (now.state === "ended") throw new Error(`ended: ${now.cause} ${now.detail}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${name} never became ${state}`);
}

async function logged(name: string, what: string): Promise<string> {
  for (let tries = 0; tries < 300; tries++) {
    const text = await kube.core.readNamespacedPodLog({ name, namespace: namespaceOf(TENANT) });
    if (text.includes(what)) return text;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${name} never wrote ${what}`);
}

/** Serves one sentence on a port of the loopback, with what every Debian has. */
const SERVER = `use IO::Socket::INET;
my $door = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $ARGV[0], Listen => 5, ReuseAddr => 1) or die;
$| = 1;
print "serving $ARGV[0] in $ENV{HOME} for $ENV{WHO}: $ARGV[1]\\n";
while (my $caller = $door->accept) { print $caller "HTTP/1.0 200 OK\\r\\n\\r\\nhello\\n"; close $caller }
`;

const ssh = (port: number, script: string) => client.ssh(port, hostKey.publicKey, script);

describe.skipIf(TEST_KUBECONFIG === "")("the entry script in images of a real cluster", () => {
  beforeAll(async () => {
    client = await sshClient();
    kube = testCluster();
    const { items } = await kube.core.listNode();
    node = items.find(({ spec }) => !spec?.unschedulable)?.metadata?.name ?? "";
    await kube.core.createNamespace({ body: namespace(TENANT, RULES) });
    for (let tries = 0; tries < 400; tries++) {
      const at = { name: "default", namespace: namespaceOf(TENANT) };
      if (await kube.core.readNamespacedServiceAccount(at).catch(() => null)) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }, 60_000);
  afterEach(async () => {
    for (const id of made.splice(0)) {
      const at = { name: podName(id), namespace: namespaceOf(TENANT) };
      await kube.core.deleteNamespacedPod({ ...at, gracePeriodSeconds: 1 });
      await kube.core.deleteNamespacedService(at);
    }
  }, 60_000);
  afterAll(async () => {
    await kube.core.deleteNamespace({ name: namespaceOf(TENANT) }).catch(() => {});
    await kube.close();
    await client.close();
  }, 60_000);

  test("an image with sshd becomes a shell, with the variables of its template in every session", async () => {
    const PATH = "/opt/conda/bin:/usr/bin:/bin";
    const { name, port } = await start(WITH_SSHD, { PATH, HF_HOME: "/models here" });
    await seen(name, port, "ready");
    expect(await ssh(port, 'echo "$PATH|$HF_HOME"')).toBe(`${PATH}|/models here\n`);
  }, 90_000);

  test("a shell is there as soon as sshd answers, however late that is", async () => {
    const { name, port } = await start(WITH_SSHD, {}, { before: "sleep 4" });
    await seen(name, port, "ready");
    const { status } = await kube.core.readNamespacedPod({ name, namespace: namespaceOf(TENANT) });
    const since = status?.containerStatuses?.[0]?.state?.running?.startedAt?.getTime() ?? 0;
    expect(Date.now() - since).toBeLessThan(40_000); // an old kubelet looks at the whole pod again after 60 to 90 s
    expect(await ssh(port, "echo in")).toBe("in\n");
  }, 120_000);

  test("an image whose root is locked for passwords still takes keys", async () => {
    const { name, port } = await start(WITH_SSHD, {}, { before: "sed -i 's/^root:[^:]*:/root:!:/' /etc/shadow" });
    await seen(name, port, "ready");
    expect(await ssh(port, "id -u; grep -c '^root:[*]:' /etc/shadow; stat -c %a /etc/shadow")).toBe("0\n1\n640\n");
  }, 90_000);

  test("a command runs beside sshd in the job's environment, writes to the pod's log, and its port answers", async () => {
    const said = "as 'it' \"is\", $HOME `id` \\\n";
    const command = ["perl", "-e", SERVER, "8888", said];
    const { name, port } = await start(WITH_SSHD, { WHO: "some body" }, { command });
    await seen(name, port, "ready");
    expect(await logged(name, "serving")).toContain(`serving 8888 in /root for some body: ${said}`);
    const asked = "exec 3<>/dev/tcp/127.0.0.1/8888 && echo >&3 && cat <&3";
    expect(await ssh(port, `bash -c '${asked}'`)).toContain("hello");
  }, 90_000);

  test("a command that ends says so with its code, is not run again, and leaves the workspace", async () => {
    const count = ["sh", "-c", "umask; pwd; echo once >>/root/ran; exit 7"];
    const { name, port } = await start(WITH_SSHD, {}, { command: count });
    await seen(name, port, "ready");
    const log = await logged(name, "ended with exit code");
    const lines = log.split("\n").filter((line) => !line.startsWith("Server listening")); // sshd says that meanwhile
    const ended = "The command of the template ended with exit code 7. The workspace stays: log in by SSH.";
    expect(lines.slice(0, 3)).toEqual(["0022", "/root", ended]);
    expect(await ssh(port, "cat /root/ran")).toBe("once\n");
    const { name: none, port: other } = await start(WITH_SSHD, {}, { command: ["no-such-program", "--x"] });
    await seen(none, other, "ready");
    await logged(none, "ended with exit code 127");
    await logged(none, "no-such-program: not found");
    expect(await ssh(other, "echo in")).toBe("in\n");
  }, 180_000);

  test("an image without sshd ends as unfit, and its end says what to do", async () => {
    const { name, port } = await start(WITHOUT_SSHD, {});
    expect(await seen(name, port, "ended")).toMatchObject({
      cause: "unfit-image",
      exitCode: 64,
      detail: "The image has no sshd: install openssh-server (Debian, Ubuntu) or openssh (Alpine) in it.",
    });
  }, 90_000);
});
