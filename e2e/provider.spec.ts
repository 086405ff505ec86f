// From nothing to earning: an owner enrols a real agent from the console, and does with the machine all there is to do.
import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import AxeBuilder from "@axe-core/playwright";
import { expect, type Page, test } from "@playwright/test";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { type BerthClient, berthClient } from "../protocol/client.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

let agent: ChildProcess | undefined;
let home: string | undefined;
test.afterEach(async () => {
  if (agent && agent.exitCode === null) {
    const ended = new Promise((resolve) => agent?.once("exit", resolve));
    agent.kill("SIGTERM");
    await ended;
  }
  agent = undefined;
  if (home) await rm(home, { recursive: true, force: true });
});

async function logIn(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Demo wallet" }).click();
  await expect(page.getByRole("link", { name: "Balance" })).toBeVisible();
}

/** Axe finds nothing, by day and by night, and nothing scrolls sideways. */
async function expectFit(page: Page): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  }
  await page.emulateMedia({ colorScheme: "light" });
  const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  expect(wide).toBeLessThanOrEqual(seen ?? 0);
}

/** The token in the command that the page shows. */
async function tokenOn(page: Page): Promise<string> {
  const command = await page.getByRole("button", { name: "Copy the enrol command" }).getAttribute("data-copy");
  return /--token (\S+)/.exec(command ?? "")?.[1] ?? "";
}

function startAgent(broker: string, token: string, name: string, dataDir: string): ChildProcess {
  return spawn(
    process.execPath,
    [
      ...["dist/agent.mjs", "start", "--broker", broker, "--token", token, "--data-dir", dataDir, "--name", name],
      ...["--region", "e2e", "--price-per-gpu-hour", "0.4", "--declare-gpus", "2x NVIDIA GeForce RTX 4090:24576"],
      ...["--declare-cpus", "16", "--declare-memory-gb", "64", "--declare-disk-gb", "500", "--runtime", "process"],
    ],
    { cwd: ROOT, stdio: "ignore" },
  );
}

function freshSshKey(): string {
  const { publicKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  const field = (bytes: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
  return `ssh-ed25519 ${Buffer.concat([field(Buffer.from("ssh-ed25519")), field(raw)]).toString("base64")} e2e`;
}

/** Somebody else, with a wallet of its own, over REST. */
async function newCustomer(baseUrl: string): Promise<BerthClient> {
  const wallet = privateKeyToAccount(generatePrivateKey());
  const open = berthClient({ baseUrl });
  const { nonce, typed_data: typed } = await open.createNonce({ body: { address: wallet.address } });
  const { issuedAt, expiresAt } = typed.message;
  const signature = await wallet.signTypedData({
    domain: typed.domain,
    types: { Login: typed.types.Login },
    primaryType: "Login",
    message: { ...typed.message, issuedAt: BigInt(issuedAt), expiresAt: BigInt(expiresAt) },
  });
  const { token } = await open.login({ body: { address: wallet.address, nonce, signature } });
  return berthClient({ baseUrl, token });
}

test("an owner enrols a machine, earns with it, changes its price, drains, announces and removes it", async ({
  page,
  baseURL,
}) => {
  test.setTimeout(240_000);
  const broker = baseURL ?? "";
  const name = `e2e-${randomBytes(4).toString("hex")}`;
  home = await mkdtemp(join(tmpdir(), "berth-e2e-agent-"));

  await page.goto("/provider");
  await expectFit(page);
  await logIn(page);
  const nothing = page.getByRole("heading", { name: "No machine yet" });
  const machines = page.getByRole("table", { name: "Machines" });
  await expect(nothing.or(machines)).toBeVisible();
  await expectFit(page);
  await page.getByRole("link", { name: "Enrol a machine" }).click();
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("button", { name: "Make the commands" }).click();
  await expect(page.getByText("Copy them now")).toBeVisible();
  const runtime = page.getByLabel("What runs jobs there");
  await runtime.selectOption("docker");
  await expect(page.locator("code", { hasText: /node berth-agent\.mjs enrol .* --runtime docker/ })).toBeVisible();
  await expect(page.locator("code", { hasText: /curl .*\/berth-agent\.mjs/ })).toBeVisible();
  await expectFit(page);
  await runtime.selectOption("process");
  await expect(page.getByText("Waiting for a machine")).toBeVisible();
  await expectFit(page);
  const token = await tokenOn(page);
  expect(token.length).toBeGreaterThan(20);

  agent = startAgent(broker, token, name, home);
  const coming = page.getByRole("article").filter({ hasText: name });
  await expect(coming).toContainText("available", { timeout: 30_000 }); // followed live, nothing was pressed
  await expect(coming).toContainText("2 × RTX 4090");
  await expectFit(page);
  await page.reload();
  await expect(page.getByText(token)).toHaveCount(0); // shown once

  await coming.getByRole("link", { name }).click();
  await expect(page).toHaveURL(/\/provider\/prov_/);
  const id = /prov_[0-9a-z]{26}/.exec(page.url())?.[0] ?? "";
  await expect(page.getByRole("heading", { level: 1 })).toContainText("available");
  await expectFit(page);

  const customer = await newCustomer(broker);
  const wish = { kind: "rental", provider_id: id, gpu_type: "NVIDIA GeForce RTX 4090", gpu_count: 1 } as const;
  const job = await customer.createJob({
    body: { ...wish, duration_hours: 1, name: "a secret project", ssh_public_key: freshSshKey() },
  });
  const params = { id: job.id };
  const runs = page.getByRole("region", { name: "Runs there now" });
  await expect(runs).toContainText("running");
  await expect(page.locator("main")).not.toContainText(/secret project|job_/); // nothing of whose it is
  await expectFit(page);

  await page.getByRole("button", { name: "Remove" }).click();
  await expectFit(page);
  await page.getByRole("button", { name: "Remove it for good" }).click();
  await expect(page.getByRole("alert")).toContainText("Drain it first"); // a machine leaves idle or not at all
  await page.getByRole("button", { name: "Keep it" }).click();

  await page.getByRole("button", { name: "Change the price" }).click();
  await page.getByLabel("USD per GPU and hour").fill("cheap");
  await page.getByRole("dialog").getByRole("button", { name: "Change the price" }).click();
  await expect(page.getByLabel("USD per GPU and hour")).toHaveAttribute("aria-invalid", "true");
  await expectFit(page);
  await page.getByLabel("USD per GPU and hour").fill("0.55");
  await page.getByRole("dialog").getByRole("button", { name: "Change the price" }).click();
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(page.getByRole("region", { name: "Price" })).toContainText("$0.550000");
  const found = await page.request.get("/api/v1/providers/search?region=e2e&limit=100");
  const offers: { provider_id: string; price_per_gpu_hour: string }[] = (await found.json()).offers;
  expect(offers.find(({ provider_id }) => provider_id === id)?.price_per_gpu_hour).toBe("0.550000");
  expect((await customer.getJob({ params })).price_per_hour).toBe(job.price_per_hour); // the old job keeps its own

  await page.getByRole("button", { name: "Drain" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("draining");
  await expect(page.getByText("1 execution runs to the end")).toBeVisible();
  await expectFit(page);
  await customer.stopJob({ params });

  const earnings = page.getByRole("region", { name: "Earnings" });
  await expect(earnings).not.toContainText("Nothing yet"); // the first earnings, without a reload
  await expect(earnings).toContainText(/\$0\.00\d*[1-9]/);
  await expect(runs).toContainText("Nothing");
  await page.getByRole("button", { name: "Take work again" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("available");

  await page.getByRole("button", { name: "Announce maintenance" }).click();
  await page.getByLabel("What for").fill("A new driver");
  await expectFit(page);
  await page.getByRole("dialog").getByRole("button", { name: "Announce", exact: true }).click();
  await expect(page.getByRole("dialog")).toHaveCount(0);
  const maintenance = page.getByRole("region", { name: "Maintenance" });
  await expect(maintenance).toContainText("A new driver");
  await expectFit(page);
  await page.getByRole("button", { name: "Announce maintenance" }).click();
  await page.getByLabel("Starts").fill("2020-01-01T00:00");
  await page.getByLabel("What for").fill("Yesterday's");
  await page.getByRole("dialog").getByRole("button", { name: "Announce", exact: true }).click();
  await expect(page.getByText("at least 24 hours from now")).toBeVisible();
  await page.getByRole("button", { name: "Not now" }).click();
  await maintenance.getByRole("button", { name: "Cancel the maintenance: A new driver" }).click();
  await expect(maintenance).toContainText("None is announced");

  await page.getByRole("link", { name: "All machines" }).click();
  await expect(machines).toContainText(name);
  await expectFit(page);
  await machines.getByRole("link", { name }).click();
  await page.getByRole("button", { name: "Remove" }).click();
  await page.getByRole("button", { name: "Remove it for good" }).click();
  await expect(page).toHaveURL(/\/provider$/);
  await expect(page.getByText(name)).toHaveCount(0);
});

test("a machine of nobody is not found", async ({ page }) => {
  await page.goto("/provider");
  await logIn(page);
  for (const id of ["prov_01kt1ma24y85fjcp5ms1g4vgy1", "prov_nonsense"]) {
    expect((await page.goto(`/provider/${id}`))?.status()).toBe(404);
  }
});

test("the keys lead to the portal", async ({ page }) => {
  await page.goto("/billing");
  await page.waitForLoadState("networkidle");
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keys" })).toContainText("Provider");
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  await page.keyboard.press("Escape");
  await page.keyboard.press("g");
  await page.keyboard.press("p");
  await expect(page).toHaveURL(/\/provider$/);
  await expect(page.getByRole("heading", { name: "Log in to earn with your GPUs" })).toBeVisible();
});

for (const path of ["/provider", "/provider/enrol", "/provider/prov_01kt1ma24y85fjcp5ms1g4vgy1"]) {
  test(`${path} asks who is there first, and fits its window`, async ({ page }) => {
    await page.goto(path);
    await expect(page.getByRole("button", { name: "Log in with a wallet" })).toBeVisible();
    await expectFit(page);
  });
}

test("the agent is served as the one file that it is", async ({ page }) => {
  const answer = await page.request.get("/berth-agent.mjs");
  expect(answer.status()).toBe(200);
  expect(answer.headers()["content-type"]).toContain("text/javascript");
  expect(await answer.text()).toContain("berth-agent");
});
