import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
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

test("the script of bash is one that bash reads, and it asks berth itself", () => {
  const script = `berth() { printf 'submit\\tabout\\nstop\\tabout\\n'; }\n${completionScript("bash")}
    COMP_WORDS=(berth s); COMP_CWORD=1; _berth; echo "\${COMPREPLY[@]}"`;
  expect(execFileSync("bash", ["-c", script], { encoding: "utf8" })).toBe("submit stop\n");
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
