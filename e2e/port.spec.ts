// A job's HTTP port in a real browser: rented with one, something started there over ssh, opened from the page, and shut to
// everybody who did not come by it.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import AxeBuilder from "@axe-core/playwright";
import { expect, test } from "@playwright/test";

const run = promisify(execFile);
const PORT = "8642";
let dir: string;

test.beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "berth-e2e-port-"));
  await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(dir, "key")]);
});
test.afterEach(() => rm(dir, { recursive: true, force: true }));

/** Serves a page and what its script asks for, on the loopback, with what every Debian has. */
const SERVER = `use IO::Socket::INET;
my $door = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => ${PORT}, Listen => 16, ReuseAddr => 1) or die;
while (my $caller = $door->accept) {
  my $asked = <$caller>;
  my $page = "<!doctype html><title>inside</title><h1>Served from inside</h1><p id=p></p>" .
    "<script>fetch('/said').then((r) => r.text()).then((t) => { p.textContent = t })</script>";
  my ($type, $said) = $asked =~ m{^GET /said } ? ("text/plain", "and asked by its script") : ("text/html", $page);
  while (<$caller>) { last if /^\\r?$/ }
  print $caller "HTTP/1.1 200 OK\\r\\nContent-Type: $type\\r\\nContent-Length: ", length $said, "\\r\\n\\r\\n$said";
  close $caller;
}
`;

test("a port is opened from the job's page, shows what runs inside, and is shut to everybody else", async ({
  page,
  context,
  browser,
}) => {
  test.slow();
  await page.goto("/rent?gpu_type=NVIDIA+GeForce+RTX+4090");
  await page.getByRole("radio", { name: "JupyterLab" }).check();
  await expect(page.getByLabel("HTTP port")).toHaveAttribute("placeholder", /^8888/);
  await page.getByRole("radio", { name: "Plain Debian 12" }).check();
  await page.getByLabel("HTTP port").fill("70000");
  await expect(page.getByLabel("HTTP port")).toHaveAttribute("aria-invalid", "true");
  await page.getByLabel("HTTP port").fill(PORT);
  await page.getByLabel("SSH public key").fill((await readFile(join(dir, "key.pub"), "utf8")).trim());
  await page.getByLabel("Name").fill("port");
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  await page.getByRole("button", { name: "Rent", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Demo wallet" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("running");

  const panel = page.getByRole("region", { name: "HTTP port" });
  await panel.getByText("Reach any other port").click();
  await expect(panel.getByText(/ssh -N -p \d+ -L 8080:127\.0\.0\.1:8080 /)).toBeVisible();
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);

  // Nothing listens yet: the tab says so, and shows the job as soon as something does.
  const opening = context.waitForEvent("page");
  await panel.getByRole("button", { name: `Open port ${PORT}` }).click();
  const tab = await opening;
  await expect(tab.getByRole("heading", { level: 1 })).toHaveText(`Nothing listens on 127.0.0.1:${PORT} yet.`);
  expect(await tab.evaluate(() => window.opener)).toBeNull();
  expect((await new AxeBuilder({ page: tab }).analyze()).violations).toEqual([]);

  const command = await page.getByRole("region", { name: "SSH" }).locator("code").first().textContent();
  const [, port = "", destination = ""] = /ssh -p (\d+) (\S+)/.exec(command ?? "") ?? [];
  const options = ["-i", join(dir, "key"), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-p", port];
  const careless = ["-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no"];
  const script = Buffer.from(SERVER).toString("base64");
  const start = `echo ${script} | base64 -d >server.pl; perl server.pl >/dev/null 2>&1 </dev/null & sleep 1; echo started`;
  expect((await run("ssh", [...options, ...careless, destination, start])).stdout).toBe("started\n");

  await expect(tab.getByRole("heading", { level: 1 })).toHaveText("Served from inside", { timeout: 60_000 });
  await expect(tab.getByText("and asked by its script")).toBeVisible();
  const { origin, hostname } = new URL(tab.url());
  expect(hostname).toMatch(/^job-[0-9a-z]{26}\.localhost$/);
  const [cookie, ...others] = await context.cookies(origin);
  expect(others).toEqual([]);
  expect(cookie).toMatchObject({ domain: hostname, httpOnly: true, sameSite: "Lax", path: "/" });

  const stranger = await browser.newContext();
  const elsewhere = await stranger.newPage();
  expect((await elsewhere.goto(origin))?.status()).toBe(401);
  await expect(elsewhere.getByRole("heading", { level: 1 })).toHaveText("This port is its owner's only.");
  expect((await new AxeBuilder({ page: elsewhere }).analyze()).violations).toEqual([]);
  await stranger.close();

  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await page.getByRole("button", { name: "Stop and delete its storage" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("stopped");
  await expect(async () => expect((await tab.goto(origin))?.status()).toBe(410)).toPass();
  await expect(tab.getByRole("heading", { level: 1 })).toHaveText("The rental does not run.");
});
