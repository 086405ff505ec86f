import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addCommands } from "./commands/all.ts";
import { candidates, completionScript } from "./completion.ts";
import { processIo } from "./io.ts";
import { createCli } from "./program.ts";

const cli = createCli(processIo(new AbortController().signal), "0.0.0");
addCommands(cli, "0.0.0");
const values = (...words: string[]) => candidates(cli.program, words).map(({ value }) => value);

test("commands, flags and choices are completed where each can stand", () => {
  expect(values("")).toEqual(expect.arrayContaining(["submit", "rent", "wait", "completion"]));
  expect(values("")).not.toContain("__complete");
  expect(values("su")).toEqual(["submit"]);
  expect(values("list", "--st")).toEqual(["--status"]);
  expect(values("--broker", "http://x", "list", "-o", "")).toEqual(["table", "wide", "json", "yaml", "name"]);
  expect(values("list", "--status", "comp")).toEqual(["completed"]);
  expect(values("completion", "")).toEqual(["bash", "zsh", "fish"]);
  expect(values("get", "")).toEqual([]);
});

test("a choice is completed behind an equals sign too, in one word or in the three that bash makes", () => {
  expect(values("list", "--status=comp")).toEqual(["--status=completed"]);
  expect(values("list", "--status", "=", "comp")).toEqual(["completed"]);
  expect(values("list", "--name=x")).toEqual([]);
});

// A `berth` that writes down what it is asked, and knows two commands and no more.
const folder = mkdtempSync(join(tmpdir(), "berth-completion-"));
const ASKED = join(folder, "asked");
const FAKE = `#!/bin/sh
[ "$1 $2" = "__complete --" ] || exit 1
shift 2
printf '<%s>' "$@" >"${ASKED}"
case "$*" in
  li | lim) printf 'list\tyour jobs: all of them\nlimits\t\n' ;;
esac
`;
beforeAll(() => {
  writeFileSync(join(folder, "berth"), FAKE, { mode: 0o755 });
  writeFileSync(join(folder, "job file.yaml"), "");
  for (const [shell, name] of [
    ["bash", "berth.bash"],
    ["zsh", "_berth"],
    ["fish", "berth.fish"],
  ] as const)
    writeFileSync(join(folder, name), completionScript(shell));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** @throws Error with the remedy where the shell is not on this machine */
function shell(
  name: "bash" | "zsh" | "fish",
  args: readonly string[],
  script: string,
  rest: readonly string[] = [],
): string {
  if (spawnSync(name, ["--version"]).error) throw new Error(`${name} is not installed: apt install ${name}`);
  const env = { ...process.env, PATH: `${folder}:${process.env.PATH}`, HOME: folder, LC_ALL: "C.UTF-8", TERM: "dumb" };
  return execFileSync(name, [...args, "-c", script, ...rest], { cwd: folder, env, encoding: "utf8", timeout: 30_000 });
}
const asked = () => readFileSync(ASKED, "utf8");

test("bash completes with what berth itself says, and knows where a choice begins", () => {
  const typed = (words: string, at: number) =>
    shell("bash", [], `. ./berth.bash; COMP_WORDS=(${words}); COMP_CWORD=${at}; _berth; echo "\${COMPREPLY[@]}"`);
  expect(typed("berth li", 1)).toBe("list limits\n");
  expect(typed("berth list --status = co", 4)).toBe("\n");
  expect(asked()).toBe("<list><--status><=><co>");
  typed("berth list --status =", 3);
  expect(asked()).toBe("<list><--status><=><>");
  expect(shell("bash", [], ". ./berth.bash; complete -p berth")).toContain("-o default");
});

/** A zsh at a terminal of its own. @returns what stands on its line after the tab behind each */
function zshLines(load: string, typed: readonly string[]): string[] {
  const report = 'report() { print -r -- "line=<$BUFFER>"; BUFFER= }; zle -N report; bindkey "^X" report';
  const inner = `PS1=; ${load}; ${report}; bindkey "^I" complete-word; print rea""dy`;
  const script = `zmodload zsh/zpty
    zpty z zsh -f -i
    zpty -w z '${inner}'
    zpty -r z out "*ready*"
    for line in "$@"; do
      zpty -n -w z "$line"$'\\t\\x18'
      zpty -r z out "*line=<*>*"
      print -r -- "$out"
    done`;
  const said = shell("zsh", ["-f"], script, ["zsh", ...typed]);
  return [...said.matchAll(/line=<(.*)>/g)].map(([, line]) => line ?? "");
}

test("zsh completes from its first tab on, whether the script is sourced or found on fpath", {
  timeout: 60_000,
}, () => {
  const sourced = "autoload -U compinit; compinit -u -D; source ./_berth";
  const found = "fpath=($PWD $fpath); autoload -U compinit; compinit -u -D";
  for (const load of [sourced, found]) {
    expect(zshLines(load, ["berth lim", "berth apply -f job", "berth apply --filename=job"])).toEqual([
      "berth limits ",
      "berth apply -f job\\ file.yaml ",
      "berth apply --filename=job\\ file.yaml ",
    ]);
    expect(asked()).toBe("<apply><--filename=job>");
  }
});

test("fish completes with what berth says and why, and with file names where it says nothing", () => {
  const typed = (line: string) => shell("fish", ["--no-config"], `source ./berth.fish; complete -C '${line}'`);
  expect(typed("berth li").trim().split("\n").sort()).toEqual(["limits", "list\tyour jobs: all of them"]);
  expect(asked()).toBe("<li>");
  expect(typed("berth apply -f job")).toContain("job file.yaml");
  expect(asked()).toBe("<apply><-f><job>");
  expect(typed("berth apply --filename=job")).toContain("--filename=job file.yaml");
});

test("every command has a sentence, and every one but those of the shell can be asked for JSON", () => {
  for (const command of cli.program.commands.filter((one) => one.name() !== "__complete")) {
    expect(command.description(), command.name()).not.toBe("");
    if (!["completion", "schema"].includes(command.name()))
      expect(
        command.options.map(({ long }) => long),
        command.name(),
      ).toContain("--output");
  }
});
