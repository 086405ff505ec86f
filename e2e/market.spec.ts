import AxeBuilder from "@axe-core/playwright";
import { expect, type Page, test } from "@playwright/test";

const rows = (page: Page) => page.locator("table tbody tr");

async function expectSound(page: Page): Promise<void> {
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  expect(wide).toBeLessThanOrEqual(seen ?? 0);
}

async function openMore(page: Page): Promise<void> {
  await page.locator("summary", { hasText: "More filters" }).click();
}

test("the market is read without a login and shows what the five demo providers offer", async ({ page }) => {
  await page.goto("/");
  for (const model of ["RTX 4090", "L40S", "RTX 3090", "A100", "H100"]) {
    await expect(page.getByText(model).filter({ visible: true }).first()).toBeVisible();
  }
});

test("the market says that it is a demo and no boundary against hostile code", async ({ page }) => {
  await page.goto("/");
  await expect(page.getByText(/demo/i).first()).toBeVisible();
});

test("several models are asked for by their chips, and taken back one by one", async ({ page }) => {
  await page.goto("/");
  const models = page.getByRole("navigation", { name: "GPU model" });
  await models.getByRole("link", { name: /RTX 4090/ }).click();
  await expect(page).toHaveURL(/\?gpu=[^&]*4090$/);
  await expect(rows(page)).toHaveCount(1);
  await models.getByRole("link", { name: /RTX 3090/ }).click();
  await expect(rows(page)).toHaveCount(2);
  await page.getByRole("navigation", { name: "Active filters" }).getByRole("link", { name: "Drop RTX 4090" }).click();
  await expect(rows(page)).toHaveCount(1);
  await expect(rows(page).first()).toContainText("RTX 3090");
});

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with script" : "without script", () => {
    test.use({ javaScriptEnabled });
    test("the panel's lists and ranges filter together, and each count says what is there", async ({ page }) => {
      await page.goto("/");
      await openMore(page);
      const region = page.getByRole("group", { name: "Region, any of" });
      await expect(region.getByLabel(/eu-north/)).toBeVisible();
      await region.getByLabel(/eu-north/).check();
      await region.getByLabel(/eu-west/).check();
      await page.getByLabel("GPUs in all, from").fill("1");
      await page.getByRole("button", { name: "Apply" }).click();
      await expect(page).toHaveURL(/region=eu-north&region=eu-west/);
      await expect(rows(page).filter({ hasText: "us-" })).toHaveCount(0);
      const shown = await rows(page).count();
      expect(shown).toBeGreaterThan(0);
      await expect(page.getByText(`${shown} of`)).toBeVisible();
      await page.getByRole("link", { name: /in other regions/ }).click();
      await expect(page).not.toHaveURL(/region=/);
      expect(await rows(page).count()).toBeGreaterThan(shown);
    });
  });
}

test("ends of a range that contradict each other are named, and the rest still counts", async ({ page }) => {
  await page.goto("/?min_disk=500&max_disk=100&gpu=NVIDIA+L40S");
  await expect(page.getByRole("alert").filter({ hasText: "min_disk" })).toContainText("is more than max_disk");
  await expect(page.getByRole("navigation", { name: "Active filters" })).toContainText("L40S");
});

test("the slash leads to the filters", async ({ page }) => {
  await page.goto("/");
  // The keys work once their script is there.
  await expect(async () => {
    await page.keyboard.press("/");
    await expect(page.getByLabel("VRAM at least")).toBeFocused({ timeout: 500 });
  }).toPass();
});

for (const colorScheme of ["light", "dark"] as const) {
  test.describe(`in the ${colorScheme}`, () => {
    test.use({ colorScheme });
    test("the market with every panel open has no axe violation and fits its window", async ({ page }) => {
      await page.goto("/?region=eu-north&max_price=2&hours=24");
      await openMore(page);
      await expectSound(page);
    });
  });
}

test("a search is saved with a price, found again with what it finds, alerts, and is deleted", async ({ page }) => {
  test.slow(); // two looks of the worker are half a minute apart
  const name = `cards ${Date.now()}`;
  await page.goto("/searches");
  await page.getByRole("button", { name: "Log in with a wallet" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Demo wallet" }).click();
  await expect(page.getByRole("region", { name: "Saved searches" })).toBeVisible();
  await expectSound(page);

  await page.goto("/?gpu=NVIDIA+L40S&min_gpus=1");
  await page.locator("summary", { hasText: "Save this search" }).click();
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Tell me at or below").fill("cheap");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByLabel("Tell me at or below")).toHaveAttribute("aria-invalid", "true");
  await expect(page.getByLabel("Name")).toHaveValue(name); // a refusal empties nothing
  await page.getByLabel("Tell me at or below").fill("5");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByRole("status").filter({ hasText: "Saved" })).toBeVisible();
  await expectSound(page);

  await page.getByRole("link", { name: "your searches" }).click();
  const row = rows(page).filter({ hasText: name });
  await expect(row).toContainText("L40S, GPUs free ≥ 1");
  await expect(row).toContainText("within your price", { timeout: 60_000 });
  const alert = page.getByRole("region", { name: "Alerts" }).getByRole("listitem").filter({ hasText: name });
  await expect(alert).toContainText("at or below your $5.000000");
  await expect(alert).toContainText("new");
  await expectSound(page);
  await page.getByRole("button", { name: "Mark all as read" }).click();
  await expect(alert).not.toContainText("new");
  await row.getByRole("link", { name }).click();
  await expect(page).toHaveURL(/\/\?gpu=NVIDIA\+L40S&min_gpus=1$/);
  await page.goto("/searches");
  await page.getByRole("button", { name: `Delete ${name}` }).click();
  await expect(row).toHaveCount(0);
  await expect(alert).toHaveCount(0);
});
