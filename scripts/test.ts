// `npm test`: every check there is, one after the other, going on after a failure. Its last line is the total.
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CHROMIUM_MISSING, findChromium } from "./chromium.ts";
import { freePort } from "./embedded-postgres.ts";
import {
  NONE,
  playwrightNamed,
  playwrightTotal,
  plus,
  sayTotal,
  type Total,
  vitestSkipped,
  vitestTotal,
} from "./test-totals.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PASSED: Total = { ...NONE, passed: 1 };
const FAILED: Total = { ...NONE, failed: 1 };

type Check = readonly [name: string, run: (reportFile: string) => Promise<Total>];

const CHECKS: readonly Check[] = [
  ["lint", () => script("lint")],
  ["types", () => script("types")],
  ["import rules", () => script("deps")],
  ["unit tests", (report) => vitest(report, "unit", "agent", "scripts")],
  ["integration tests", (report) => vitest(report, "integration")],
  ["tests on a real Kubernetes", (report) => vitest(report, "kubernetes")],
  ["build", () => script("build")],
  ["fault tests", (report) => vitest(report, "faults")],
  ["end-to-end tests", endToEnd],
];

/** Runs a command with its output shown. @returns its exit code */
function run(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<number> {
  return new Promise((done) => {
    const child = spawn(command, [...args], { cwd: ROOT, stdio: "inherit", env: { ...process.env, ...env } });
    child.once("error", (error) => {
      process.stderr.write(`${command}: ${error.message}\n`);
      done(1);
    });
    child.once("exit", (code) => done(code ?? 1));
  });
}

async function script(name: string): Promise<Total> {
  return (await run("npm", ["run", "--silent", name])) === 0 ? PASSED : FAILED;
}

async function vitest(report: string, ...projects: string[]): Promise<Total> {
  const which = projects.flatMap((project) => ["--project", project]);
  const reporters = ["--reporter=dot", "--reporter=json", "--reporter=./scripts/why-reporter.ts"];
  const why = `${report}.why`;
  const env = { BERTH_WHY_FILE: why };
  const args = ["run", ...which, ...reporters, `--outputFile.json=${report}`];
  const code = await run(join(ROOT, "node_modules/.bin/vitest"), args, env);
  if (existsSync(why)) remarks.push((await readFile(why, "utf8")).trimEnd());
  if (existsSync(report)) {
    const said: unknown = JSON.parse(await readFile(report, "utf8"));
    for (const title of vitestSkipped(said)) process.stdout.write(`SKIPPED: ${title}\n`);
  }
  return judged(code, await reported(report, vitestTotal));
}

async function endToEnd(report: string): Promise<Total> {
  const browser = findChromium(process.env);
  if (!browser) {
    process.stderr.write(`${CHROMIUM_MISSING}\n`);
    return FAILED;
  }
  const code = await run(join(ROOT, "node_modules/.bin/playwright"), ["test", "--reporter=list,json"], {
    CHROMIUM_PATH: browser,
    PLAYWRIGHT_JSON_OUTPUT_FILE: report,
    BERTH_E2E_PORT: String(await freePort()),
  });
  if (existsSync(report)) {
    const said: unknown = JSON.parse(await readFile(report, "utf8"));
    for (const title of playwrightNamed(said, "skipped")) process.stdout.write(`SKIPPED: ${title}\n`);
    for (const title of playwrightNamed(said, "flaky")) remarks.push(`PASSED ONLY THE SECOND TIME: ${title}`);
    for (const title of playwrightNamed(said, "unexpected")) remarks.push(`FAILED: ${title}`);
  }
  return judged(code, await reported(report, playwrightTotal));
}

async function reported(path: string, read: (report: unknown) => Total): Promise<Total> {
  return existsSync(path) ? read(JSON.parse(await readFile(path, "utf8"))) : FAILED;
}

/** A run that failed without a failed test (a file that does not load, a server that does not start) is a failure. */
function judged(code: number, total: Total): Total {
  return code !== 0 && total.failed === 0 ? plus(total, FAILED) : total;
}

/** Root on a machine with apt-get gets the browser, the sandbox and the servers; everybody else is told what is missing. */
function installWhatIsMissing(): void {
  const has = (name: string) => spawnSync(name, ["--version"], { stdio: "ignore" }).error === undefined;
  const missing = [
    ...(findChromium(process.env) ? [] : ["chromium"]),
    ...(process.platform !== "linux" || has("bwrap") ? [] : ["bubblewrap"]),
    ...(process.platform !== "linux" || has("podman") ? [] : ["podman"]),
    ...(process.platform !== "linux" || existsSync("/bin/busybox") ? [] : ["busybox-static"]),
    ...(spawnSync("ssh", ["-V"], { stdio: "ignore" }).error ? ["openssh-client"] : []),
    ...["zsh", "fish"].filter((shell) => !has(shell)),
    ...(has("redis-server") ? [] : ["redis-server"]),
    ...(process.platform !== "linux" || has("systemd-analyze") ? [] : ["systemd"]),
  ];
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || !has("apt-get")) {
    process.stderr.write(`Missing on this machine: ${missing.join(", ")}\n`);
    return;
  }
  process.stdout.write(`Installing ${missing.join(", ")}\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  spawnSync("apt-get", ["update", "-qq"], { stdio: "ignore", env });
  const install = ["install", "-y", "-qq", "--no-install-recommends", ...missing];
  if (spawnSync("apt-get", install, { stdio: ["ignore", "ignore", "inherit"], env }).status !== 0) {
    process.stderr.write(`apt-get could not install ${missing.join(", ")}\n`);
  }
}

if (!process.env.BERTH_TEST_KUBECONFIG)
  process.stdout.write(
    "BERTH_TEST_KUBECONFIG is not set: the tests on a real Kubernetes are skipped, by name below.\n",
  );
installWhatIsMissing(); // the agent's tests want the sandbox and ssh, the last ones the browser
const reports = await mkdtemp(join(tmpdir(), "berth-reports-"));
let total = NONE;
const failed: string[] = [];
/**
 * What failed, and what passed but not at once: a defect somewhere, which nobody should overlook. Said once more at the
 * end, because its place is far above by then.
 */
const remarks: string[] = [];
for (const [index, [name, check]] of CHECKS.entries()) {
  process.stdout.write(`\n== ${name}\n`);
  const result = await check(join(reports, `${index}.json`));
  if (result.failed > 0) failed.push(name);
  total = plus(total, result);
}
await rm(reports, { recursive: true, force: true });
if (failed.length > 0) process.stdout.write(`\nFailed: ${failed.join(", ")}\n`);
for (const remark of remarks) process.stdout.write(`${remark}\n`);
process.stdout.write(`${sayTotal(total)}\n`);
process.exitCode = total.failed === 0 ? 0 : 1;
