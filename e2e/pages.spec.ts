// What holds for every page before anybody logged in.
import AxeBuilder from "@axe-core/playwright";
import { expect, type Page, test } from "@playwright/test";

const PAGES = ["/", "/rent", "/submit", "/jobs", "/network", "/billing", "/settings", "/nothing-here"];

/** DESIGN §12: public pages stay under this, compressed. */
const MOST_SCRIPT_BYTES = 200_000;

/** Bytes of script that came over the wire while `visit` ran, and the text of every script. */
async function scriptsOf(page: Page, visit: () => Promise<unknown>) {
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  const scripts = new Set<string>();
  let bytes = 0;
  const texts: Promise<string>[] = [];
  session.on("Network.responseReceived", ({ requestId, type }) => {
    if (type === "Script") scripts.add(requestId);
  });
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    if (!scripts.has(requestId)) return;
    bytes += encodedDataLength;
    texts.push(session.send("Network.getResponseBody", { requestId }).then(({ body }) => body));
  });
  await visit();
  return { bytes, texts: await Promise.all(texts) };
}

for (const colorScheme of ["light", "dark"] as const) {
  test.describe(`in the ${colorScheme}`, () => {
    test.use({ colorScheme });
    for (const path of PAGES) {
      test(`${path} has no axe violation and fits its window`, async ({ page }) => {
        await page.goto(path);
        await expect(page.locator("main").getByRole("heading").first()).toBeVisible();
        expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
        const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
        expect(wide).toBeLessThanOrEqual(seen ?? 0);
      });
    }
  });
}

for (const path of ["/", "/rent", "/submit", "/network"]) {
  test(`${path} is light: under 200 kB of script, and none of it a wallet`, async ({ page }) => {
    const { bytes, texts } = await scriptsOf(page, () => page.goto(path, { waitUntil: "networkidle" }));
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThan(MOST_SCRIPT_BYTES);
    for (const word of ["wagmi", "walletconnect", "eth_signTypedData", "QueryClient"]) {
      expect(
        texts.filter((text) => text.toLowerCase().includes(word.toLowerCase())),
        word,
      ).toEqual([]);
    }
  });
}

test.describe("without script", () => {
  test.use({ javaScriptEnabled: false });

  test("the market is read, filtered and left by a Rent link", async ({ page }) => {
    await page.goto("/");
    const rows = page.locator("table tbody tr");
    const all = await rows.count();
    expect(all).toBeGreaterThan(0);
    await page.getByRole("navigation", { name: "GPU model" }).getByRole("link").nth(1).click();
    await expect(page).toHaveURL(/gpu=/);
    expect(await rows.count()).toBeLessThan(all);
    await page.getByLabel("Cores free", { exact: true }).fill("1");
    await page.getByRole("button", { name: "Filter" }).click();
    await expect(page).toHaveURL(/[?&]min_cpu=1(&|$)/);
    await expect(page).toHaveURL(/[?&]gpu=/); // what was chosen before stays chosen
    await rows.getByRole("link", { name: /^Rent/ }).first().click();
    await expect(page).toHaveURL(/\/rent\?provider_id=prov_/);
    await expect(page.getByRole("region", { name: "Estimate" })).toContainText("Held first");
  });
});

test("what removed the other offers is said, and a click drops that filter", async ({ page }) => {
  await page.goto("/?max_price=0.000001");
  await expect(page.getByRole("heading", { name: "No offer fits these filters" })).toBeVisible();
  await page.getByRole("link", { name: /over the price/ }).click();
  await expect(page.locator("table tbody tr").first()).toBeVisible();
});

test("a filter that makes no sense is refused by name, and the rest still counts", async ({ page }) => {
  await page.goto("/?max_price=cheap");
  await expect(page.getByRole("alert").filter({ hasText: "max_price" })).toBeVisible();
  await expect(page.locator("table tbody tr").first()).toBeVisible();
});

test("a table too wide for its window scrolls within itself, by keys too, and is a stop of them only then", async ({
  page,
}) => {
  await page.setViewportSize({ width: 840, height: 900 });
  await page.goto("/");
  await page.waitForLoadState("networkidle");
  const box = page.getByRole("group", { name: "Offers" });
  await box.focus();
  await page.keyboard.press("ArrowRight");
  await expect.poll(() => box.evaluate(({ scrollLeft }) => scrollLeft)).toBeGreaterThan(0);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(840);
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  await page.setViewportSize({ width: 1360, height: 900 });
  await expect(box).toHaveCount(0);
});

test("the keys of the console go where they say", async ({ page }) => {
  await page.goto("/");
  await page.waitForLoadState("networkidle");
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keys" })).toBeVisible();
  await page.keyboard.press("Escape");
  await page.keyboard.press("g");
  await page.keyboard.press("j");
  await expect(page).toHaveURL(/\/jobs$/);
  await page.keyboard.press("g");
  await page.keyboard.press("m");
  await expect(page.getByRole("table", { name: "Offers" })).toBeVisible();
  await page.keyboard.press("/");
  await expect(page.getByLabel("VRAM at least")).toBeFocused();
});

test("the first Tab leads to the content", async ({ page }) => {
  await page.goto("/");
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to the content" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.locator("main")).toBeFocused();
});

test("the chosen theme is there in the first bytes of the next page", async ({ page }) => {
  await page.goto("/");
  await page.waitForLoadState("networkidle");
  await page.getByRole("button", { name: "Switch between light and dark" }).click();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  const html = await (await page.request.get("/jobs")).text();
  expect(html).toMatch(/<html[^>]*data-theme="dark"/);
});

test("an id that is no job, or nobody's, is not found", async ({ page }) => {
  const answer = await page.goto("/jobs/job_nonsense");
  expect(answer?.status()).toBe(404);
  await expect(page.getByRole("heading", { name: "Nothing is berthed here" })).toBeVisible();
});
