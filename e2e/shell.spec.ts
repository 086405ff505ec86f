// The first rental end to end: wallet, signature, rent from the page, a real ssh client inside, stop, and the bill.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "@playwright/test";

const run = promisify(execFile);
let dir: string;

test.beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "berth-e2e-ssh-"));
  await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(dir, "key")]);
});
test.afterEach(() => rm(dir, { recursive: true, force: true }));

test("what is rented on the page is a shell over ssh, under the host key that the page shows, and is billed to the micro", async ({
  page,
}) => {
  await page.goto("/rent?gpu_type=NVIDIA+GeForce+RTX+4090");
  await page.getByLabel("SSH public key").fill((await readFile(join(dir, "key.pub"), "utf8")).trim());
  await page.getByLabel("Name").fill("shell");
  await page.getByRole("button", { name: "Rent", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Demo wallet" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("running");

  const panel = page.getByRole("region", { name: "SSH" });
  const command = await panel.locator("code").first().textContent();
  await panel.getByText("Check the host key first").click();
  const known = await panel.getByText(/ssh-ed25519 AAAA/).textContent();
  const [, port, destination] = /ssh -p (\d+) (\S+)/.exec(command ?? "") ?? [];
  if (!port || !destination || !known) throw new Error(`the page shows no SSH line: ${command}`);
  await writeFile(join(dir, "known_hosts"), `${known.trim()}\n`);
  const options = ["-i", join(dir, "key"), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-p", port];
  const strict = ["-o", `UserKnownHostsFile=${join(dir, "known_hosts")}`, "-o", "StrictHostKeyChecking=yes"];
  const ssh = (script: string) => run("ssh", [...options, ...strict, destination, script]);

  expect((await ssh("nvidia-smi -L || hostname")).stdout.trim()).not.toBe("");
  expect((await ssh("env")).stdout).toContain("BERTH_GPU_COUNT=1");
  await ssh("echo kept > note");
  expect((await ssh("cat note")).stdout).toBe("kept\n");
  await expect(ssh("exit 7")).rejects.toMatchObject({ code: 7 });

  const jobPath = new URL(page.url()).pathname;
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await page.getByRole("button", { name: "Stop and delete its storage" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("stopped");
  await expect(ssh("true")).rejects.toMatchObject({ code: 255 });

  const bill = page.getByRole("region", { name: /^Bill/ });
  const text = (await bill.textContent()) ?? "";
  const [, hours, minutes, seconds] = /Billed\s*(\d+):(\d\d):(\d\d)/.exec(text) ?? [];
  const [, rate] = /Rate per hour\s*\$([\d.]+)/.exec(text) ?? [];
  const [, cost] = /Cost\s*\$([\d.]+)/.exec(text) ?? [];
  const billed = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  expect(micros(cost)).toBe((micros(rate) * BigInt(billed)) / 3600n);

  await page.goto("/billing");
  await expect(page.getByRole("table", { name: "Entries" }).locator(`a[href="${jobPath}"]`).first()).toBeVisible();
});

function micros(usd: string | undefined): bigint {
  return BigInt((usd ?? "none").replace(".", ""));
}
