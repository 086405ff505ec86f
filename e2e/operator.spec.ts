// An operator admits, turns away, suspends and reinstates, answers an appeal, and finds all of it in the audit trail.
import { generateKeyPairSync } from "node:crypto";
import AxeBuilder from "@axe-core/playwright";
import { expect, type Page, test } from "@playwright/test";
import { logInAsStranger, type OwnStack, startOwnStack } from "./own-stack.ts";

const PAGES = ["providers?admission=all", "incidents", "appeals", "audit"];

let stack: OwnStack;
test.describe.configure({ mode: "serial" });
test.beforeAll(async () => {
  test.setTimeout(300_000);
  stack = await startOwnStack();
});
test.afterAll(async () => {
  test.setTimeout(60_000);
  await stack?.stop();
});

/** An OpenSSH public key that nobody had before. */
function freshSshKey(): string {
  const { publicKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  const field = (bytes: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
  return `ssh-ed25519 ${Buffer.concat([field(Buffer.from("ssh-ed25519")), field(raw)]).toString("base64")} e2e`;
}

async function logIn(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Demo wallet" }).click();
  await expect(page.getByRole("link", { name: "Balance" })).toBeVisible();
}

async function expectGood(page: Page): Promise<void> {
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  expect(wide).toBeLessThanOrEqual(seen ?? 0);
}

async function expectGoodPages(page: Page): Promise<void> {
  for (const path of PAGES) {
    await page.goto(`${stack.url}/operator/${path}`);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    await expectGood(page);
  }
}

test("whoever is no operator is told so, and what would help", async ({ page }) => {
  await page.goto(`${stack.url}/operator/providers`);
  await expect(page.getByRole("heading", { name: "Log in with an operator's wallet" })).toBeVisible();
  await expectGood(page);
  await logInAsStranger(stack.url, page.request);
  for (const path of [...PAGES, "providers/prov_00000000000000000000000000"]) {
    await page.goto(`${stack.url}/operator/${path}`);
    await expect(page.getByRole("heading", { name: "Your wallet does not operate this broker" })).toBeVisible();
    await expect(page.getByRole("main")).toContainText("OPERATOR_ADDRESSES");
    await expect(page.getByRole("table")).toHaveCount(0);
  }
  await expectGood(page);
});

test("machines wait, are looked at, admitted, turned away, suspended with what runs on them, and reinstated", async ({
  page,
}) => {
  test.setTimeout(180_000);
  await page.goto(`${stack.url}/operator/providers`);
  await logIn(page);
  const rows = page.getByRole("table", { name: "Providers" }).getByRole("row");
  const row = (name: string) => rows.filter({ hasText: name });
  const tab = (words: string) => page.getByRole("navigation", { name: "Admission" }).getByText(words);

  await expect(page.getByRole("heading", { level: 1 })).toHaveText("5 waiting for you");
  await expect(row("dogger-02")).toContainText("declared");
  await expectGood(page);
  await page.getByRole("button", { name: "Approve dogger-02" }).focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("no driver confirmed them");
  await expect(dialog).toContainText("127.0.0.1");
  await expectGood(page);
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await page.getByRole("button", { name: "Approve dogger-02" }).click();
  await dialog.getByRole("button", { name: "Approve it" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("4 waiting for you");

  await page.getByRole("button", { name: "Reject fastnet-01" }).click();
  await dialog.getByLabel("Reason").fill("The serial numbers\ndo not match.");
  await expectGood(page);
  await dialog.getByRole("button", { name: "Turn it away" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("3 waiting for you");
  await tab("rejected").click();
  await expect(row("fastnet-01")).toContainText("The serial numbers do not match.");

  await tab("admitted").click();
  await expect(row("dogger-02")).toContainText("available", { timeout: 60_000 });
  await expect(rows.filter({ has: page.getByRole("rowheader") })).toHaveCount(1);

  await page.goto(`${stack.url}/rent?gpu_type=NVIDIA+GeForce+RTX+3090`);
  await page.getByLabel("SSH public key").fill(freshSshKey());
  await page.getByLabel("Name").fill("will be suspended");
  await page.getByRole("button", { name: "Rent", exact: true }).click();
  await expect(page).toHaveURL(/\/jobs\/job_/);
  const job = page.url();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("running", { timeout: 60_000 });

  await page.goto(`${stack.url}/operator/providers?admission=approved`);
  await page.getByRole("button", { name: "Suspend dogger-02" }).click();
  await expect(dialog).toContainText("the execution that runs there ends");
  await dialog.getByRole("button", { name: "Suspend it" }).click();
  await expect(dialog).toHaveCount(1); // a reason is owed
  await dialog.getByLabel("Reason").fill("Two drivers claim one GPU.");
  await dialog.getByRole("button", { name: "Suspend it" }).click();
  await expect(page.getByRole("heading", { name: "No machine is admitted" })).toBeVisible();
  await tab("suspended").click();
  await expect(row("dogger-02")).toContainText("Two drivers claim one GPU.");
  await expectGood(page);

  await page.goto(job);
  const why = page.getByText("The operators of this broker suspended the provider.");
  await expect(why.first()).toBeVisible({ timeout: 60_000 });

  await page.goto(`${stack.url}/operator/providers?admission=all&search=dogger`);
  await page.getByRole("link", { name: "dogger-02" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("dogger-02");
  await expectGood(page);
  await page.getByRole("button", { name: "Reinstate dogger-02" }).click();
  await dialog.getByRole("button", { name: "Reinstate it" }).click();
  await expect(page.getByRole("button", { name: "Suspend dogger-02" })).toBeVisible();
  await expect(page.getByRole("main")).toContainText("available");
});

test("a quarantine is told with its reason, and lifted with a key", async ({ page }) => {
  const { providers } = await (await stack.owner("dogger-02")).listProviders();
  const reason = "It gave a wrong result where the right one was known.";
  await stack.quarantine(providers.find(({ name }) => name === "dogger-02")?.id ?? "", reason);
  await page.goto(`${stack.url}/operator/providers?admission=approved`);
  await logIn(page);
  const row = page.getByRole("table", { name: "Providers" }).getByRole("row").filter({ hasText: "dogger-02" });
  await expect(row).toContainText(reason);
  await expectGood(page);
  await page.getByRole("button", { name: "Lift quarantine of dogger-02" }).focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText(reason);
  await expectGood(page);
  await dialog.getByRole("button", { name: "Lift it" }).click();
  await expect(row).not.toContainText(reason);
  await expect(page.getByRole("button", { name: "Lift quarantine of dogger-02" })).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Suspend dogger-02" })).toBeVisible();
});

test("an appeal of an owner is answered, and every decision is in the audit trail", async ({ page }) => {
  const owner = await stack.owner("dogger-02");
  const { providers } = await owner.listProviders();
  const id = providers.find(({ name }) => name === "dogger-02")?.id ?? "";
  const eventId = await stack.takeReputation(id, 20);
  await owner.appealReputation({
    params: { id },
    body: { reputation_event_id: eventId, text: "The switch was yours." },
  });

  await page.goto(`${stack.url}/operator/appeals`);
  await logIn(page);
  const appeal = page.getByRole("article", { name: "Appeal of dogger-02" });
  await expect(appeal).toContainText("The switch was yours.");
  await expect(appeal).toContainText("lost 20 points");
  await expectGood(page);
  await appeal.getByRole("radio", { name: /Grant it/ }).check();
  await appeal.getByLabel("Reply to the owner").fill("It was. Sorry.");
  await appeal.getByRole("button", { name: "Answer" }).click();
  await expect(appeal).toContainText("granted");
  await expect(appeal).toContainText("It was. Sorry.");
  expect((await owner.getProvider({ params: { id } })).reputation).toBe(100);

  await page.getByRole("navigation", { name: "Operator" }).getByRole("link", { name: "Audit trail" }).click();
  const trail = page.getByRole("table", { name: "Decisions" });
  for (const words of [
    "An appeal was granted: 20 points came back. It was. Sorry.",
    "dogger-02 gets work again: an operator lifted its quarantine.",
    "dogger-02 was reinstated.",
    "dogger-02 was suspended; what ran there ends. Two drivers claim one GPU.",
    "fastnet-01 was turned away. The serial numbers do not match.",
    "dogger-02 was admitted.",
  ])
    await expect(trail).toContainText(words);
});

for (const colorScheme of ["light", "dark"] as const) {
  test.describe(`in the ${colorScheme}`, () => {
    test.use({ colorScheme });
    test("every page of operators has no axe violation and fits its window", async ({ page }) => {
      await page.goto(`${stack.url}/operator/providers`);
      await logIn(page);
      await expectGoodPages(page);
    });
  });
}
