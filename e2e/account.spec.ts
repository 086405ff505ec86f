// A visitor becomes an account: the login, its keys, its session's end; and a rental seen from its pages.
import { generateKeyPairSync } from "node:crypto";
import AxeBuilder from "@axe-core/playwright";
import { expect, type Page, test } from "@playwright/test";

/** An OpenSSH public key that nobody had before. */
function freshSshKey(): string {
  const { publicKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  const field = (bytes: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
  return `ssh-ed25519 ${Buffer.concat([field(Buffer.from("ssh-ed25519")), field(raw)]).toString("base64")} e2e`;
}

/** A name that no other try has left behind: all of them log in with one wallet. */
const fresh = (name: string) => `e2e ${name} ${Date.now()}`;

async function logIn(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Demo wallet" }).click();
  await expect(page.getByRole("link", { name: "Balance" })).toBeVisible();
}

async function expectNoViolation(page: Page): Promise<void> {
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
}

test("a wallet logs in, keeps its keys, and logs out", async ({ page }) => {
  const [laptop, script] = [fresh("laptop"), fresh("script")];
  await page.goto("/settings");
  await page.getByRole("button", { name: "Log in with a wallet" }).click();
  await expectNoViolation(page);
  await page.getByRole("dialog").getByRole("button", { name: "Demo wallet" }).click();

  const ssh = page.getByRole("region", { name: "SSH keys" });
  await ssh.getByLabel("Name").fill(laptop);
  await ssh.getByLabel("Public key").fill("ssh-ed25519 nonsense");
  await ssh.getByRole("button", { name: "Add key" }).click();
  await expect(ssh.getByLabel("Public key")).toHaveAttribute("aria-invalid", "true");
  await expect(ssh.getByLabel("Name")).toHaveValue(laptop); // a refusal empties nothing
  await expectNoViolation(page);
  await ssh.getByLabel("Public key").fill(freshSshKey());
  await ssh.getByRole("button", { name: "Add key" }).click();
  await expect(ssh.getByText("SHA256:").first()).toBeVisible();
  await ssh.getByRole("button", { name: `Remove ${laptop}` }).click();
  await expect(ssh.getByRole("button", { name: `Remove ${laptop}` })).toHaveCount(0);

  const api = page.getByRole("region", { name: "API keys" });
  await api.getByLabel("Name").fill(script);
  await api.getByRole("button", { name: "Make a key" }).click();
  const shown = api.getByRole("status").locator("code");
  await expect(shown).toBeVisible();
  const key = (await shown.textContent())?.trim() ?? "";
  const headers = { authorization: `Bearer ${key}` };
  expect((await page.request.get("/api/v1/jobs", { headers })).status()).toBe(200);
  await expectNoViolation(page);
  await page.reload();
  await expect(page.getByText(key)).toHaveCount(0); // shown once
  await api.getByRole("button", { name: `Revoke ${script}` }).click();
  await expect(api.getByRole("button", { name: `Revoke ${script}` })).toHaveCount(0);
  expect((await page.request.get("/api/v1/jobs", { headers })).status()).toBe(401);

  const cookies = await page.context().cookies();
  await page.getByRole("button", { name: "Log out" }).click();
  await expect(page.getByRole("button", { name: "Log in", exact: true })).toBeVisible();
  await page.context().addCookies(cookies); // the session is a row: a kept cookie opens nothing
  await page.goto("/jobs");
  await expect(page.getByRole("heading", { name: "Log in to see your jobs" })).toBeVisible();
});

test("a rental is asked for first and logged in after, then watched, extended, stopped and billed", async ({
  page,
}) => {
  await page.goto("/");
  await page.getByRole("table", { name: "Offers" }).getByRole("link", { name: /^Rent/ }).first().click();
  await page.getByLabel("Hours", { exact: true }).fill("9999");
  await expect(page.getByText("at most 720")).toBeVisible();
  await page.getByLabel("Hours", { exact: true }).fill("2");
  await expect(page.getByRole("region", { name: "Estimate" })).toContainText("Held first");
  await page.getByLabel("SSH public key").fill(freshSshKey());
  await page.getByLabel("Name").fill("e2e rental");
  await page.getByRole("button", { name: "Rent", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Demo wallet" }).click();

  await expect(page).toHaveURL(/\/jobs\/job_/);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("e2e rental");
  await expect(page.getByRole("heading", { level: 1 })).toContainText("running");
  await expect(page.getByRole("button", { name: "Copy the SSH command" })).toBeVisible();
  await expectNoViolation(page);
  const bill = page.getByRole("region", { name: "Bill so far" });
  const before = await bill.textContent();
  await expect.poll(() => bill.textContent()).not.toBe(before); // the cost moves without a reload

  await page.getByRole("button", { name: "Extend" }).click();
  await page.getByLabel("Hours to add").fill("1");
  await expectNoViolation(page);
  await page.getByRole("dialog").getByRole("button", { name: "Extend" }).click();
  await expect(page.getByText(/Extended by 1 h/)).toBeVisible();

  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await expect(page.getByRole("dialog")).toContainText("Storage ends with the rental");
  await expectNoViolation(page);
  await page.getByRole("button", { name: "Stop and delete its storage" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("stopped");
  await expect(page.getByText("You stopped it.", { exact: true })).toBeVisible();
  await expectNoViolation(page);

  await page.goto("/billing");
  await expect(page.getByRole("table", { name: "Entries" })).toContainText("e2e rental");
  await expectNoViolation(page);
  await page.goto("/jobs?status=stopped");
  await expect(
    page.getByRole("table", { name: "Jobs" }).getByRole("link", { name: "e2e rental" }).first(),
  ).toBeVisible();
  await expectNoViolation(page);
});

test("a chosen SSH key of the account needs no pasting", async ({ page }) => {
  const kept = fresh("kept");
  await page.goto("/settings");
  await logIn(page);
  const ssh = page.getByRole("region", { name: "SSH keys" });
  await ssh.getByLabel("Name").fill(kept);
  await ssh.getByLabel("Public key").fill(freshSshKey());
  await ssh.getByRole("button", { name: "Add key" }).click();
  await expect(ssh.getByRole("button", { name: `Remove ${kept}` })).toBeVisible();
  await page.goto("/rent");
  await expect(page.getByRole("radio", { name: new RegExp(`${kept}|All my \\d+ keys`) })).toBeChecked();
  await page.goto("/settings");
  await ssh.getByRole("button", { name: `Remove ${kept}` }).click();
  await expect(ssh.getByRole("button", { name: `Remove ${kept}` })).toHaveCount(0);
});
