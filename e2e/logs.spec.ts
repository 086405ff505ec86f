// What a job wrote, live on its page and after its end; and the block for the SSH config, with a real ssh.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import AxeBuilder from "@axe-core/playwright";
import { expect, type Page, test } from "@playwright/test";

const run = promisify(execFile);
let dir: string;

test.beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "berth-e2e-logs-"));
  await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(dir, "key")]);
});
test.afterEach(() => rm(dir, { recursive: true, force: true }));

async function rent(page: Page): Promise<void> {
  await page.goto("/rent?gpu_count=0&cpu_cores=1&memory_gb=1&storage_gb=5");
  await page.getByLabel("SSH public key").fill((await readFile(join(dir, "key.pub"), "utf8")).trim());
  await page.getByLabel("Name", { exact: true }).fill("logs");
  await page.getByRole("button", { name: "Rent", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Demo wallet" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("running");
}

/** Writes the config and the known_hosts line that the page shows into files, as a reader would. */
async function sshByAlias(page: Page): Promise<(script: string) => Promise<string>> {
  const panel = page.getByRole("region", { name: "SSH", exact: true });
  await panel.getByText("Check the host key first").click();
  await panel.getByText("SSH config, for editors").click();
  const config = await panel.locator("pre").textContent();
  const known = await panel.getByRole("button", { name: "Copy the known_hosts line" }).getAttribute("data-copy");
  const alias = /^Host (\S+)$/m.exec(config ?? "")?.[1];
  if (!config || !known || !alias) throw new Error(`the page shows no SSH config: ${config}`);
  await writeFile(join(dir, "known_hosts"), `${known}\n`);
  await writeFile(join(dir, "config"), `${config.replace("~/.ssh/known_hosts", join(dir, "known_hosts"))}\n`);
  const options = [
    "-F",
    join(dir, "config"),
    "-i",
    join(dir, "key"),
    "-o",
    "IdentitiesOnly=yes",
    "-o",
    "BatchMode=yes",
  ];
  await expect(panel.getByRole("link", { name: "Open in VS Code" })).toHaveAttribute(
    "href",
    `vscode://vscode-remote/ssh-remote+${alias}/root`,
  );
  return async (script) => (await run("ssh", [...options, alias, script])).stdout;
}

async function expectSound(page: Page): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    expect((await new AxeBuilder({ page }).analyze()).violations, colorScheme).toEqual([]);
  }
  const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  expect(wide).toBeLessThanOrEqual(seen ?? 0);
}

test("a login shows in the log as it happens, without a reload, and is still there when the job is over", async ({
  page,
}) => {
  await rent(page);
  const panel = page.getByRole("region", { name: "Log", exact: true });
  const log = panel.getByRole("log");
  await expect(panel.getByRole("status")).toHaveText("live");
  const ssh = await sshByAlias(page);
  expect(await ssh("echo $((6 * 7))")).toBe("42\n");
  await expect(log).toContainText("Logged in: SHA256:");
  await expectSound(page);

  const line = (await log.locator("li").first().textContent()) ?? "";
  expect(line).not.toBe("");
  await log.focus(); // by keys too
  await page.keyboard.press("Home");
  const file = page.waitForEvent("download");
  await panel.getByRole("link", { name: "Download" }).click();
  expect(await readFile(await (await file).path(), "utf8")).toContain(line);

  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await page.getByRole("button", { name: "Stop and delete its storage" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("stopped");
  await expect(panel.getByRole("status")).toHaveText("ended");
  await page.reload();
  await expect(log).toContainText(line);
  await expect(panel).toContainText("kept for 30 days");
  await expectSound(page);

  await page.getByRole("link", { name: "Rent again" }).click();
  await expect(page.getByLabel("Memory, GB")).toHaveValue("1");
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue("logs");
});
