// The unit as systemd itself judges it.
import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { SYSTEM_DATA } from "./paths.ts";
import { renderUnit, SERVICE, type UnitWish } from "./unit.ts";

function verify(unit: string) {
  const dir = mkdtempSync(join(tmpdir(), "berth-unit-"));
  writeFileSync(join(dir, SERVICE), unit);
  const { error, status, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", join(dir, SERVICE)], {
    encoding: "utf8",
    env: { ...process.env, SYSTEMD_LOG_LEVEL: "warning" },
  });
  if (error) throw new Error("systemd-analyze is needed to judge the unit: apt install systemd", { cause: error });
  return { status, said: stderr.split("\n").filter((line) => line.includes(SERVICE)) };
}

const WISH: UnitWish = { command: [process.execPath, "/x.mjs", "start"], dataDir: SYSTEM_DATA, joinsCluster: false };

test("systemd accepts the unit without a word, for every place and runtime", () => {
  for (const change of [
    {},
    { joinsCluster: true },
    { dataDir: "/home/me/berth" },
    { command: [process.execPath, '/opt/my "agent" 100%/$HOME\\x.mjs', "start", "--data-dir", "/srv/a b"] },
  ]) {
    expect(verify(renderUnit({ ...WISH, ...change })), JSON.stringify(change)).toEqual({ status: 0, said: [] });
  }
});

test("systemd would say so if the unit were wrong", () => {
  expect(verify(renderUnit(WISH).replace("Restart=always", "Restart=perhaps")).said.join()).toContain("perhaps");
});

test("a restart of the agent ends no execution, and nothing keeps the agent from being restarted for ever", () => {
  const lines = renderUnit(WISH).split("\n");
  for (const line of ["KillMode=process", "Restart=always", "StartLimitIntervalSec=0"]) expect(lines).toContain(line);
});

test("nothing is forbidden that sandboxes, drivers or kubeadm need", () => {
  const unit = renderUnit(WISH);
  for (const word of ["RestrictNamespaces", "PrivateDevices", "ProtectKernelTunables", "ProtectHostname", "PrivateTmp"])
    expect(unit).not.toContain(word);
  expect(renderUnit({ ...WISH, joinsCluster: true })).not.toContain("ProtectSystem");
});

test("engines of containers that the machine has are started first, and none has to be there", () => {
  const unit = renderUnit(WISH);
  expect(unit).toMatch(/^After=.* docker\.service podman\.socket$/m);
  expect(unit).not.toMatch(/^(Wants|Requires|BindsTo)=.*(docker|podman)/m);
});

test("a unit's words cannot break out of their line", () => {
  const exec = renderUnit({ ...WISH, command: ["/n", '/a b"; %h $X\\', "start"] }).match(/^ExecStart=.*$/m)?.[0];
  expect(exec).toBe('ExecStart=/n "/a b\\"; %%h $$X\\\\" start');
});
