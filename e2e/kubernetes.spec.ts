// A rental on a node of a real Kubernetes, through the page: enrolled by the agent, admitted, rented, logged in to, stopped.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import AxeBuilder from "@axe-core/playwright";
import { expect, type Page, test } from "@playwright/test";
import { CORDONED, HEARTBEAT, LABEL_KEYS, TAINT } from "../domain/node/marks.ts";
import { type OwnStack, startOwnStack } from "./own-stack.ts";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const KUBECONFIG = process.env.BERTH_TEST_KUBECONFIG ?? "";
const LABEL_PREFIX = "e2e.berth.test";
const MACHINE = "harbour-node";

let stack: OwnStack;
let dir: string;
let agent: ChildProcess | undefined;

test.describe.configure({ mode: "serial" });
test.skip(!KUBECONFIG, "needs a Kubernetes: BERTH_TEST_KUBECONFIG");

const kubectl = async (...args: string[]) =>
  (await run("kubectl", ["--kubeconfig", KUBECONFIG, ...args])).stdout.trim();

async function realNode(): Promise<string> {
  return kubectl("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}");
}

test.beforeAll(async () => {
  test.setTimeout(300_000);
  dir = await mkdtemp(join(tmpdir(), "berth-e2e-kubernetes-"));
  await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(dir, "key")]);
  stack = await startOwnStack({ KUBECONFIG, LABEL_PREFIX, TENANT_MAX_GPUS: "2", WORKSPACE_REGISTRY: "localhost" });
});
test.afterAll(async () => {
  test.setTimeout(240_000);
  if (agent && agent.exitCode === null && agent.signalCode === null) {
    const ended = once(agent, "exit");
    agent.kill("SIGTERM");
    await ended;
  }
  await stack?.stop();
  // The one node of the tests is everybody's: nothing of this broker stays on it.
  const node = await realNode();
  await kubectl("uncordon", node);
  const marks: Readonly<Record<string, readonly string[]>> = {
    taint: [TAINT],
    label: LABEL_KEYS,
    annotate: [HEARTBEAT, CORDONED],
  };
  for (const [verb, keys] of Object.entries(marks)) {
    const gone = keys.map((key) => `${LABEL_PREFIX}/${key}-`);
    await kubectl(verb, "nodes", node, ...gone).catch(() => {}); // not there is as good
  }
  // Waited for: a second try has the same tenant, and nothing is made in a namespace that is on its way out.
  const namespaces = await kubectl("get", "namespaces", "-o", "name", "-l", `${LABEL_PREFIX}/tenant`);
  for (const namespace of namespaces.split("\n").filter(Boolean))
    await kubectl("delete", "--timeout=120s", namespace).catch(() => {}); // late is the second try's to wait for
  await rm(dir, { recursive: true, force: true });
});

async function logIn(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Demo wallet" }).click();
  await expect(page.getByRole("link", { name: "Balance" })).toBeVisible();
}

async function expectNoViolation(page: Page): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  }
}

test("a machine enrols for the cluster, is admitted, and is on offer as the node it is", async ({ page }) => {
  test.setTimeout(180_000);
  await page.goto(`${stack.url}/provider/enrol`);
  await logIn(page);
  await page.goto(`${stack.url}/provider/enrol`);
  await page.getByLabel("Name", { exact: true }).fill(MACHINE);
  await page.getByRole("button", { name: "Make the commands" }).click();
  const command = await page.getByRole("button", { name: "Copy the enrol command" }).getAttribute("data-copy");
  const token = /--token (\S+)/.exec(command ?? "")?.[1] ?? "";
  agent = spawn(
    process.execPath,
    [
      ...["dist/agent.mjs", "start", "--broker", stack.url, "--token", token, "--name", MACHINE, "--region", "e2e"],
      ...["--data-dir", join(dir, "agent"), "--price-per-gpu-hour", "0.4", "--runtime", "kubernetes"],
      ...["--declare-gpus", "4x NVIDIA H100 80GB HBM3:81559", "--declare-cpus", "16", "--declare-memory-gb", "64"],
      ...["--declare-disk-gb", "500"],
    ],
    { cwd: ROOT, stdio: "ignore" },
  );
  await page.goto(`${stack.url}/operator/providers`);
  await expect(async () => {
    await page.reload();
    await page.getByRole("button", { name: `Approve ${MACHINE}` }).click({ timeout: 2_000 });
  }).toPass({ timeout: 60_000 });
  await page.getByRole("dialog").getByRole("button", { name: "Approve it" }).click();
  const row = page.getByRole("table", { name: "Providers" }).getByRole("row").filter({ hasText: MACHINE });
  await page.goto(`${stack.url}/operator/providers?admission=approved`);
  const href = await row.getByRole("link", { name: MACHINE }).first().getAttribute("href");
  const provider = /prov_[0-9a-z]{26}/.exec(href ?? "")?.[0] ?? "";
  await stack.adoptNode(provider, await realNode());

  await expect(async () => {
    await page.reload();
    await expect(row).toContainText("available", { timeout: 2_000 });
  }).toPass({ timeout: 90_000 });
  await page.goto(`${stack.url}/provider/${provider}`);
  await expect(page.getByText("joined").first()).toBeVisible();
  await expectNoViolation(page);
  expect(await kubectl("get", "node", await realNode(), "-o", `jsonpath={.metadata.labels}`)).toContain(LABEL_PREFIX);
});

test("what is rented on the page is a pod: ssh under the shown host key, GPUs accounted, and gone when it is stopped", async ({
  page,
}) => {
  test.setTimeout(240_000);
  await page.goto(`${stack.url}/rent?gpu_type=NVIDIA+H100+80GB+HBM3`);
  await logIn(page);
  await page.goto(`${stack.url}/rent?gpu_type=NVIDIA+H100+80GB+HBM3`);
  await page.getByLabel("SSH public key").fill((await readFile(join(dir, "key.pub"), "utf8")).trim());
  await page.getByLabel("Name").fill("on a node");
  await page.getByRole("radio", { name: "Custom image" }).check();
  await page.getByLabel("Image", { exact: true }).fill("localhost/debian:12");
  await page.getByLabel("vCPU").fill("1");
  await page.getByLabel("Memory, GB").fill("1");
  await page.getByLabel("Disk, GB").fill("1");
  await page.getByRole("button", { name: "Rent", exact: true }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("running", { timeout: 90_000 });
  await expectNoViolation(page);

  const panel = page.getByRole("region", { name: "SSH" });
  const line = await panel.locator("code").first().textContent();
  await panel.getByText("Check the host key first").click();
  const known = await panel
    .getByText(/ssh-ed25519 AAAA/)
    .first()
    .textContent();
  const [, port, destination] = /ssh -p (\d+) (\S+)/.exec(line ?? "") ?? [];
  if (!port || !destination || !known) throw new Error(`the page shows no SSH line: ${line}`);
  await writeFile(join(dir, "known_hosts"), `${known.trim()}\n`);
  const options = ["-i", join(dir, "key"), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-p", port];
  const strict = ["-o", `UserKnownHostsFile=${join(dir, "known_hosts")}`, "-o", "StrictHostKeyChecking=yes"];
  const { stdout } = await run("ssh", [...options, ...strict, destination, "echo $BERTH_GPU_COUNT for $BERTH_JOB_ID"]);
  const [job = ""] = /job_[0-9a-z]{26}/.exec(page.url()) ?? [];
  expect(stdout).toBe(`1 for ${job}\n`);
  const itsOwn = ["-A", "-l", `${LABEL_PREFIX}/job=${job.replace("_", "-")}`];
  const asked = "jsonpath={.items[0].spec.containers[0].resources.limits.nvidia\\.com/gpu}";
  expect(await kubectl("get", "pods", ...itsOwn, "-o", asked)).toBe("1");

  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await page.getByRole("button", { name: "Stop and delete its storage" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("stopped", { timeout: 60_000 });
  // The pod's last process ended; kubelets take up to half a minute to forget it.
  const left = () => kubectl("get", "pods,services,secrets", ...itsOwn, "-o", "name");
  await expect.poll(left, { timeout: 90_000 }).toBe("");
});
