// Joining a cluster with a broker's fields, on a machine that believes nothing it is told.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { JoinTicket } from "../protocol/agent.ts";
import { joinCommandLine } from "./commands/join.ts";
import { createAutoJoin, joinCommand, runJoin, withoutToken } from "./join.ts";
import { until } from "./processes.ts";

const HASH = `sha256:${"0123456789abcdef".repeat(4)}`;
const TICKET: JoinTicket = {
  ...{ api_server: "10.0.0.1:6443", token: "abcdef.0123456789abcdef", ca_cert_hash: HASH, node_name: "berth-rig-1" },
  expires_at: "2026-01-01T00:30:00.000Z",
};
const quiet = { info() {}, warn() {}, error() {} };

test("the command is built here, word by word", () => {
  expect(joinCommand(TICKET)).toEqual([
    ...["kubeadm", "join", "10.0.0.1:6443", "--token", "abcdef.0123456789abcdef"],
    ...["--discovery-token-ca-cert-hash", HASH, "--node-name", "berth-rig-1"],
  ]);
  expect(joinCommand({ ...TICKET, api_server: "[2001:db8::1]:6443" })[2]).toBe("[2001:db8::1]:6443");
  expect(withoutToken(joinCommand(TICKET))).not.toContain(TICKET.token);
});

test("a field that is an option, a shell's word, an address without a port or another token is refused by its name", () => {
  const wrong: [keyof JoinTicket, string][] = [
    ["api_server", "--config:1"],
    ["api_server", "-v:10"],
    ["api_server", "10.0.0.1"],
    ["api_server", "10.0.0.1:70000"],
    ["api_server", "10.0.0.1:6443; reboot:1"],
    ["api_server", "a:b:6443"],
    ["token", "abcdef.0123456789abcdef --ignore-preflight-errors=all"],
    ["token", "--config=/x"],
    ["ca_cert_hash", "sha256:00"],
    ["node_name", "-x"],
    ["node_name", "$(reboot)"],
  ];
  for (const [field, value] of wrong) expect(() => joinCommand({ ...TICKET, [field]: value }), value).toThrow(field);
});

test("join shows the command and runs it only when told to", async () => {
  const dir = mkdtempSync(join(tmpdir(), "berth-join-"));
  writeFileSync(join(dir, "join.json"), JSON.stringify(TICKET));
  const lines: string[] = [];
  const ran: (readonly string[])[] = [];
  const machine = {
    joined: () => false,
    run: async (command: readonly string[]) => {
      ran.push(command);
      return 3;
    },
  };
  expect(await joinCommandLine(dir, false, (line) => lines.push(line), machine)).toBe(0);
  expect(lines.join("\n")).toContain(`  ${joinCommand(TICKET).join(" ")}`);
  expect(ran).toEqual([]);
  expect(await joinCommandLine(dir, true, (line) => lines.push(line), machine)).toBe(3);
  expect(ran).toEqual([joinCommand(TICKET)]);
  expect(await joinCommandLine(dir, true, () => {}, { ...machine, joined: () => true })).toBe(0);
  expect(ran).toHaveLength(1);
});

test("without fields join says why there are none", async () => {
  const dir = mkdtempSync(join(tmpdir(), "berth-join-"));
  await expect(joinCommandLine(dir, true, () => {})).rejects.toThrow("The agent does not run");
});

test("joining by itself tries a ticket once, and never on a machine that has joined", async () => {
  const ran: string[] = [];
  let joined = false;
  const autoJoin = createAutoJoin(
    quiet,
    () => joined,
    async (command) => {
      ran.push(command[4] ?? "");
      return 1;
    },
  );
  for (let i = 0; i < 3; i++) autoJoin(TICKET);
  await until(() => ran.length > 0, 1000);
  autoJoin(TICKET);
  const renewed = { ...TICKET, token: "fedcba.0123456789abcdef" };
  await until(() => {
    autoJoin(renewed);
    return ran.length > 1;
  }, 1000);
  joined = true;
  autoJoin({ ...TICKET, token: "aaaaaa.0123456789abcdef" });
  expect(ran).toEqual([TICKET.token, renewed.token]);
});

test("kubeadm's end is told by its code, and a machine without it is told so", async () => {
  expect(await runJoin([process.execPath, "-e", "process.exit(7)"])).toBe(7);
  await expect(runJoin(["/nowhere/kubeadm"])).rejects.toThrow("/nowhere/kubeadm cannot be run");
});
