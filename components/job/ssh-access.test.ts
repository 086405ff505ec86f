// Held against the real ssh, which says what it reads.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { knownHostsLine, oneLiners, type SshAccess, shellWord, sshAlias, sshConfig, vscodeLink } from "./ssh-access.ts";

const HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsABgH5C9okWi0dh2l9GKJl";
const job: SshAccess = {
  jobId: "job_01k0abcdefghjkmnpqrstvwxyz",
  host: "skagerrak-04.berth.example",
  port: 31_422,
  user: "root",
  hostKey: HOST_KEY,
};
const HOSTS = [job.host, "203.0.113.7", "2001:db8::7", "fe80::1%eth0"];

const dir = mkdtempSync(join(tmpdir(), "berth-ssh-access-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** What ssh makes of a config, without connecting. */
function understood(config: string, host: string): Record<string, string> {
  const file = join(dir, "config");
  writeFileSync(file, config);
  const said = execFileSync("ssh", ["-G", "-F", file, host], { encoding: "utf8" });
  return Object.fromEntries(said.split("\n").map((line) => [line.split(" ")[0], line.slice(line.indexOf(" ") + 1)]));
}

describe("the block for ~/.ssh/config", () => {
  test.each(HOSTS)("is read by ssh as it was meant, with %s", (host) => {
    for (const port of [22, 31_422])
      expect(understood(sshConfig({ ...job, host, port }), "berth-rstvwxyz")).toMatchObject({
        hostname: host,
        port: String(port),
        user: "root",
        hostkeyalias: "berth-rstvwxyz",
        stricthostkeychecking: "true",
      });
  });
  test("holds nothing that would begin another line or another option", () => {
    expect(() => sshConfig({ ...job, user: "root\nProxyCommand evil" })).toThrow();
    expect(understood(sshConfig({ ...job, user: "a b" }), "berth-rstvwxyz")).toMatchObject({ user: "a b" });
  });
});

test.each(HOSTS)("the known_hosts line is found by address and by alias, with %s", (host) => {
  for (const port of [22, 31_422]) {
    const file = join(dir, "known_hosts");
    writeFileSync(file, `${knownHostsLine({ ...job, host, port })}\n`);
    for (const name of [sshAlias(job.jobId), port === 22 ? host : `[${host}]:${port}`])
      expect(execFileSync("ssh-keygen", ["-F", name, "-f", file], { encoding: "utf8" })).toContain(HOST_KEY);
  }
});

test("VS Code is led by the alias, to a folder whose name may be anything", () => {
  expect(vscodeLink(job, "/root")).toBe("vscode://vscode-remote/ssh-remote+berth-rstvwxyz/root");
  expect(vscodeLink(job, "/my data?")).toBe("vscode://vscode-remote/ssh-remote+berth-rstvwxyz/my%20data%3F");
});

describe("one-liners", () => {
  const lines = (over: Partial<SshAccess> = {}) => oneLiners({ ...job, ...over }).map(({ line }) => line);
  test("say the port as each program wants it, and not where it is the usual one", () => {
    expect(lines()).toEqual([
      "scp -P 31422 ./file root@skagerrak-04.berth.example:",
      "scp -P 31422 -r root@skagerrak-04.berth.example:folder .",
      "rsync -e 'ssh -p 31422' -az ./folder/ root@skagerrak-04.berth.example:folder/",
    ]);
    for (const line of lines({ port: 22 })) expect(line).not.toMatch(/ -p | -P | -e /);
  });
  test("put IPv6 hosts in brackets where a colon ends the host, out of a shell's reach", () => {
    expect(lines({ host: "2001:db8::7" })[0]).toBe("scp -P 31422 ./file 'root@[2001:db8::7]:'");
  });
});

test("a word is one word to a shell, whatever is in it", () => {
  for (const word of ["plain", "two words", "it's", "$(evil)", "`evil`", "*", "a;b", "", "\\", "[x]"])
    expect(execFileSync("/bin/sh", ["-c", `printf '%s|' ${shellWord(word)}`], { encoding: "utf8" })).toBe(`${word}|`);
});
