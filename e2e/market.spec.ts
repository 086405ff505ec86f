import AxeBuilder from "@axe-core/playwright";
import { expect, test } from "@playwright/test";

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

test("the market has no axe violation", async ({ page }) => {
  await page.goto("/");
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
});

test("the market fits its window: nothing scrolls sideways", async ({ page }) => {
  await page.goto("/");
  const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  expect(wide).toBeLessThanOrEqual(seen ?? 0);
});
