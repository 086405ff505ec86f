import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { sshArguments } from "./act.ts";

const SSH = { host: "203.0.113.7", port: 31_422, user: "root", command: "", host_key: "ssh-ed25519 AAAA" };
const ID = "job_01arz3ndektsv4rrffq69g5fav";

/** What ssh itself makes of a line, without connecting. */
function effective(args: readonly string[]): Map<string, string> {
  const [at] = [args.indexOf("--")];
  const dry = ["-G", ...args.slice(0, at), ...args.slice(at)];
  const text = execFileSync("ssh", ["-F", "/dev/null", ...dry], { encoding: "utf8" });
  return new Map(text.split("\n").map((line) => [line.split(" ")[0] ?? "", line.slice(line.indexOf(" ") + 1)]));
}

test("ssh is told the one host key to trust, and no argument can talk it out of that", () => {
  const weak = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-oHostKeyAlias=other"];
  const seen = effective(sshArguments(ID, SSH, "/tmp/berth-ssh-x/known_hosts", weak));
  expect(seen.get("stricthostkeychecking")).toBe("true");
  expect(seen.get("userknownhostsfile")).toBe("/tmp/berth-ssh-x/known_hosts");
  expect(seen.get("globalknownhostsfile")).toBe("none");
  expect(seen.get("hostkeyalias")).toBe(ID);
  expect([seen.get("hostname"), seen.get("port"), seen.get("user")]).toEqual(["203.0.113.7", "31422", "root"]);
});

test("ssh's options stand before the host and the command behind it", () => {
  const args = sshArguments(ID, SSH, "/k", ["-L", "8888:localhost:8888", "-N", "nvidia-smi", "-L"]);
  const at = args.indexOf("--");
  expect(args.slice(at - 3, at)).toEqual(["-L", "8888:localhost:8888", "-N"]);
  expect(args.slice(at)).toEqual(["--", "root@203.0.113.7", "nvidia-smi", "-L"]);
  expect(sshArguments(ID, SSH, "/k", ["--", "-not-an-option"]).slice(-2)).toEqual([
    "root@203.0.113.7",
    "-not-an-option",
  ]);
});

test("a host that looks like an option is none", () => {
  const args = sshArguments(ID, { ...SSH, user: "-oProxyCommand=evil", host: "x" }, "/k", []);
  expect(args.indexOf("--")).toBeLessThan(args.indexOf("-oProxyCommand=evil@x"));
});
