// A shell on the page: typed into, resized, lost and found again, left with the keyboard, and ended.
import { generateKeyPairSync } from "node:crypto";
import AxeBuilder from "@axe-core/playwright";
import { expect, type Page, test } from "@playwright/test";

declare global {
  interface Window {
    /** every WebSocket that the page opened */
    lines: WebSocket[];
  }
}

function freshSshKey(): string {
  const { publicKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  const field = (bytes: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
  return `ssh-ed25519 ${Buffer.concat([field(Buffer.from("ssh-ed25519")), field(raw)]).toString("base64")} e2e`;
}

const status = (page: Page) => page.getByRole("status");
const screen = (page: Page) => page.locator(".xterm-rows");

async function lines(page: Page): Promise<string[]> {
  return (await screen(page).locator("> div").allTextContents()).map((line) => line.trim());
}

async function type(page: Page, line: string): Promise<void> {
  await page.getByRole("textbox", { name: "Terminal input" }).focus();
  await page.keyboard.type(line);
  await page.keyboard.press("Enter");
}

async function expectNoViolation(page: Page): Promise<void> {
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
}

test("the terminal on the page is a shell that fits its window, outlives a broken line and says how it ended", async ({
  page,
}) => {
  await page.addInitScript(() => {
    window.lines = [];
    const Plain = window.WebSocket;
    window.WebSocket = class extends Plain {
      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols);
        window.lines.push(this);
      }
    };
  });
  await page.goto("/rent?gpu_type=NVIDIA+GeForce+RTX+4090");
  await page.getByLabel("SSH public key").fill(freshSshKey());
  await page.getByLabel("Name").fill("terminal");
  await page.getByRole("button", { name: "Rent", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Demo wallet" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("running");

  await page.getByRole("link", { name: "Terminal", exact: true }).click();
  await expect(status(page)).toHaveText("Connected");
  await type(page, "echo sum-$((6*7))");
  await expect(screen(page)).toContainText("sum-42");

  await type(page, "stty size");
  const size = async () => (await lines(page)).findLast((line) => /^\d+ \d+$/.test(line)) ?? "";
  await expect.poll(size).not.toBe("");
  const before = await size();
  const room = page.viewportSize() ?? { width: 0, height: 0 };
  await page.setViewportSize({ width: room.width, height: room.height - 150 });
  await expect
    .poll(async () => {
      await type(page, "clear; stty size");
      return (await size()) || before;
    })
    .not.toBe(before);
  await page.setViewportSize(room);

  for (const colorScheme of ["dark", "light"] as const) {
    await page.emulateMedia({ colorScheme });
    await expectNoViolation(page);
  }

  // The same shell, whatever happens to the line.
  await type(page, "clear; kept=still-here");
  await page.evaluate(() => window.lines.at(-1)?.close());
  await expect(status(page)).toContainText(/The connection broke|Connecting/);
  await expect(status(page)).toHaveText("Connected");
  await type(page, "echo it-is-$kept");
  await expect(screen(page)).toContainText("it-is-still-here");
  await page.reload();
  await expect(status(page)).toHaveText("Connected");
  await expect(screen(page)).toContainText("it-is-still-here"); // what was shown before is shown again
  await type(page, "echo again-$kept");
  await expect(screen(page)).toContainText("again-still-here");

  await page.keyboard.press("Shift+Escape");
  await expect(page.getByRole("link", { name: "Leave" })).toBeFocused();

  await type(page, "exit 3");
  await expect(status(page)).toHaveText("The shell ended with exit code 3.");
  await page.getByRole("button", { name: "Open a shell again" }).click();
  await expect(status(page)).toHaveText("Connected");
  await type(page, "echo new-$kept.");
  await expect(screen(page)).toContainText("new-.");

  await page.getByRole("link", { name: "Leave" }).click();
  await expect(page.getByText("A terminal was opened.")).toHaveCount(2);
  const job = page.url();
  await page.goto(`${job}/terminal`);
  await expect(status(page)).toHaveText("Connected");
  const other = await page.context().newPage();
  await other.goto(job);
  await other.getByRole("button", { name: "Stop", exact: true }).click();
  await other.getByRole("button", { name: "Stop and delete its storage" }).click();
  await expect(status(page)).toContainText("You stopped it.");
  await other.close();
});
