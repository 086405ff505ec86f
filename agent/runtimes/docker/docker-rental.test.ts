import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isId } from "../../../domain/ids.ts";
import type { ExecutionReport } from "../../../protocol/agent.ts";
import type { Runtime } from "../runtime.ts";
import { busybox, openStand, rentalSpec, reportOf, type Stand, sshdImage, stateOf } from "./testing.ts";
import { whyNoEngine } from "./testing-engines.ts";

const SSHD = "localhost/berth-sshd:1";
const BARE = "localhost/berth-bare:1";
const sshd = whyNoEngine === undefined ? sshdImage() : { why: whyNoEngine };
const whyNot = "why" in sshd ? sshd.why : undefined;

describe.skipIf(whyNot)(`rentals in containers (skipped where: ${whyNot ?? "the engine or sshd is missing"})`, () => {
  let stand: Stand;
  let runtime: Runtime;
  const keys = { host: "", own: "", other: "" };

  beforeAll(async () => {
    stand = await openStand();
    if ("dress" in sshd) stand.image(SSHD, [], sshd.dress);
    stand.image(BARE, [], busybox);
    for (const name of ["host", "own", "other"])
      execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(stand.folder, name)]);
    keys.host = readFileSync(join(stand.folder, "host"), "utf8");
    keys.own = readFileSync(join(stand.folder, "own.pub"), "utf8").trim();
    keys.other = readFileSync(join(stand.folder, "other.pub"), "utf8").trim();
    runtime = await stand.open();
  }, 60_000);

  afterAll(() => stand?.close(), 60_000);

  function ssh(report: ExecutionReport, command: string, key = "own"): string {
    if (report.state !== "ready") throw new Error("not ready");
    const options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes", "LogLevel=ERROR"];
    const args = [...options.flatMap((option) => ["-o", option]), "-F", "none", "-i", join(stand.folder, key)];
    const to = ["-p", String(report.port), `${report.user}@127.0.0.1`, command];
    return execFileSync("ssh", [...args, ...to], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 20_000,
    });
  }

  test("a customer logs in, finds what was promised, and a new key is let in while it runs", {
    timeout: 120_000,
  }, async () => {
    const spec = rentalSpec(SSHD, keys, { env: { MINE: "yes" } });
    await runtime.apply(spec, 0);
    const report = await stateOf(runtime, spec.id, "ready");
    expect(ssh(report, 'echo "$MINE $BERTH_JOB_ID $BERTH_PUBLIC_IP"; id -u')).toBe(
      `yes ${spec.jobId} 203.0.113.7\n0\n`,
    );
    expect(() => ssh(report, "true", "other")).toThrow();
    await runtime.apply({ ...spec, sshPublicKeys: [keys.own, keys.other] }, 0);
    await expect.poll(() => ssh(report, "echo in", "other"), { timeout: 10_000 }).toBe("in\n");
    const log = await runtime.log(spec.id, 0);
    expect(log?.text).toContain("SSH answers on port");
    expect(log?.text).toContain("Server listening");
  });

  test("a template's command runs beside SSH with its arguments as they are, and its words are in the log", {
    timeout: 120_000,
  }, async () => {
    const command = ["/bin/sh", "-c", 'printf "%s|" "$@" >/root/said; echo begun', "sh", "two words", "$HOME", "a\nb"];
    const spec = rentalSpec(SSHD, keys, { command });
    await runtime.apply(spec, 0);
    const report = await stateOf(runtime, spec.id, "ready");
    await expect
      .poll(() => ssh(report, "cat said 2>/dev/null || true"), { timeout: 10_000 })
      .toBe("two words|$HOME|a\nb|");
    await expect
      .poll(async () => (await runtime.log(spec.id, 0))?.text, { timeout: 10_000 })
      .toMatch(/begun[\s\S]*ended with exit code 0/);
  });

  test("a new agent knows at once that it is ready, and a removal ends it", { timeout: 120_000 }, async () => {
    const root = join(stand.folder, "again");
    const first = await stand.open(root);
    const spec = rentalSpec(SSHD, keys);
    await first.apply(spec, 0);
    const before = await stateOf(first, spec.id, "ready");
    first.close();
    const second = await stand.open(root);
    expect(second.list()).toEqual([before]);
    expect(ssh(before, "echo still here")).toBe("still here\n");
    await second.remove(spec.id);
    expect(second.list()).toEqual([]);
    expect(() => ssh(before, "true")).toThrow();
  });

  test("an image without sshd is told as what it is", { timeout: 120_000 }, async () => {
    const spec = rentalSpec(BARE, keys);
    await runtime.apply(spec, 0);
    expect(await stateOf(runtime, spec.id, "ended")).toMatchObject({ cause: "unfit-image", exit_code: 64 });
    const report = reportOf(runtime, spec.id);
    expect(report?.state === "ended" && report.detail).toMatch(/no sshd/);
    if (isId("exec", spec.id)) await runtime.remove(spec.id);
  });

  test("a rental whose broker is silent ends a while after its deadline", { timeout: 120_000 }, async () => {
    const spec = rentalSpec(SSHD, keys, { deadline: new Date(Date.now() - 58_000).toISOString() });
    await runtime.apply(spec, 0);
    expect(await stateOf(runtime, spec.id, "ended")).toMatchObject({ cause: "deadline" });
  });
});
