// Batch jobs from the page: submit by form and job.yaml, the panel and its verdict, cancel, and the nodes behind them.
import AxeBuilder from "@axe-core/playwright";
import { expect, type Page, test } from "@playwright/test";

async function expectSound(page: Page): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    expect((await new AxeBuilder({ page }).analyze()).violations, colorScheme).toEqual([]);
  }
  const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  expect(wide).toBeLessThanOrEqual(seen ?? 0);
}

function yaml(page: Page) {
  return page.getByRole("textbox", { name: "job.yaml" });
}

async function submit(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Submit the job" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Demo wallet" }).click();
  await expect(page).toHaveURL(/\/jobs\/job_/);
}

test("what is submitted on the page is run by owners that agree, and the panel shows that they do", async ({
  page,
}) => {
  await page.goto("/submit");
  await page.waitForLoadState("networkidle");
  await page.getByLabel("Name", { exact: true }).fill("by-hand");
  await page.getByLabel("Command").fill("sh\n-c\nexpr 6 '*' 7");
  await expect(yaml(page)).toHaveValue(/name: by-hand/);
  await expect(page.getByRole("region", { name: "Estimate" })).toContainText("Held first");
  await expectSound(page);
  await submit(page);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("completed");
  await expect(page.getByText("Verified.", { exact: true })).toBeVisible();

  const panel = page.getByRole("region", { name: "Panel" });
  const agreed = panel.locator("li[data-vote=agreed]");
  await expect(agreed).toHaveCount(2);
  const digests = await agreed.locator(".digest").evaluateAll((all) => all.map((one) => one.getAttribute("title")));
  expect(digests[0]).toMatch(/^[0-9a-f]{64}$/);
  expect(digests[1]).toBe(digests[0]);
  const owners = await agreed.getByRole("link").allTextContents();
  expect(new Set(owners).size).toBe(2);
  await expect(page.getByRole("region", { name: "stdout" })).toHaveText("42");
  await expectSound(page);

  const file = page.waitForEvent("download");
  await page.getByRole("region", { name: "Result" }).getByRole("link", { name: "Download" }).click();
  expect((await file).suggestedFilename()).toMatch(/^job_.*\.result\.txt$/);

  await page.getByRole("link", { name: "Submit again" }).click();
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue("by-hand");
  await expect(page.getByLabel("Command")).toHaveValue("sh\n-c\nexpr 6 '*' 7");

  await page.goto("/jobs?kind=batch");
  await expect(page.getByRole("row").filter({ hasText: "by-hand" }).first().getByRole("img")).toHaveAccessibleName(
    /2 of 2 owners needed agree/,
  );
  await expectSound(page);
});

test("job.yaml and the form follow each other, and what is wrong is told at its line and beside its field", async ({
  page,
}) => {
  await page.goto("/submit");
  await page.waitForLoadState("networkidle");
  await yaml(page).fill("# mine\nkind: batch\nname: from-yaml\ndocker_image: alpine:3.20\ncommand: [sh, -c, date]\n");
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue("from-yaml");
  await page.getByLabel("Agreeing owners").fill("3");
  await expect(yaml(page)).toHaveValue(/^# mine\n[\s\S]*consensus: 3\n$/);
  await expect(page.getByText("accepted when three owners agree")).toBeVisible();

  await page.getByLabel("Timeout, s").fill("0");
  const line = page.getByRole("button", { name: "Line 7" });
  await expect(line).toBeVisible();
  await expect(page.locator("#timeout_seconds-error")).toHaveText("at least 1");
  await line.click();
  await expect(yaml(page)).toBeFocused();
  await expectSound(page);

  await yaml(page).fill("name: a\ndocker_image: b\ncommand: [sh, -c\n");
  await expect(page.getByText("job.yaml cannot be read, so the form waits.")).toBeVisible();
  await expect(page.getByRole("button", { name: /^Line [34]$/ })).toBeVisible();
  await expect(page.getByLabel("Name", { exact: true })).toBeDisabled();
  await expectSound(page);
  await page.getByRole("button", { name: "Go back" }).click();
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue("from-yaml");
});

test("a job that runs is cancelled from its page, and the rest of its hold goes back", async ({ page }) => {
  await page.goto("/submit");
  await page.waitForLoadState("networkidle");
  await yaml(page).fill(
    "kind: batch\nname: too-long\ndocker_image: alpine:3.20\ncommand: [sleep, '600']\ntimeout_seconds: 900\n",
  );
  await submit(page);
  await expect(page.getByRole("region", { name: "Panel" }).locator("li[data-vote=running]").first()).toBeVisible();
  await expectSound(page);
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await page.getByRole("button", { name: "Cancel the job" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("cancelled");
  await expect(page.getByText("Cancelled.", { exact: true })).toBeVisible();
  await expect(page.getByRole("region", { name: "Bill" })).not.toContainText("Held for it");
  await expectSound(page);
});

test("the network names every node with what is known of it, and each has its ledger and why", async ({ page }) => {
  await page.goto("/network");
  await expect(page.getByRole("heading", { level: 1 })).toContainText(/nodes? online/);
  const rows = page.getByRole("table", { name: "Nodes" }).locator("tbody tr");
  expect(await rows.count()).toBeGreaterThanOrEqual(5);
  await expectSound(page);
  await page.getByRole("navigation", { name: "Standing" }).getByRole("link", { name: "quarantined" }).click();
  await expect(page.getByRole("heading", { name: "No node fits these filters" })).toBeVisible();
  await page.getByRole("link", { name: "Show all nodes" }).click();
  await rows.first().getByRole("link").click();
  await expect(page).toHaveURL(/\/network\/prov_/);
  await expect(page.getByRole("region", { name: "Evidence" })).toContainText("Weight of its word");
  await expect(page.getByRole("region", { name: "Reputation", exact: true })).toContainText("Enrolled");
  await expectSound(page);
});

test("a node that nobody knows is not found", async ({ page }) => {
  expect((await page.goto("/network/no-such-node"))?.status()).toBe(404);
});

test.describe("without script", () => {
  test.use({ javaScriptEnabled: false });

  test("the network is read and filtered, and a job.yaml is there to read", async ({ page }) => {
    await page.goto("/network?gpu=1&sort=name");
    await expect(page.getByRole("table", { name: "Nodes" }).locator("tbody tr").first()).toBeVisible();
    await page.getByRole("combobox", { name: "By" }).selectOption("newest");
    await page.getByRole("button", { name: "Show" }).click();
    await expect(page).toHaveURL(/gpu=1.*sort=newest/);
    await page.goto("/submit?example=numeric");
    await expect(yaml(page)).toHaveValue(/kind: numeric/);
  });
});

test("the keys lead to the submit page and the network", async ({ page }) => {
  await page.goto("/");
  await page.waitForLoadState("networkidle");
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  await expect(page).toHaveURL(/\/submit$/);
  await page.keyboard.press("g");
  await page.keyboard.press("n");
  await expect(page).toHaveURL(/\/network$/);
});
