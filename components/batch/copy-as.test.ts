// Held against the real sh, which says what it reads.
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { BatchBody } from "../../protocol/batch.ts";
import { asCli, asCurl } from "./copy-as.ts";
import { EXAMPLES } from "./examples.ts";
import { readJobYaml } from "./job-yaml.ts";

/** What a program of that name would be given. */
function argumentsOf(program: string, script: string): string[] {
  const fake = `${program}() { for each; do printf '%s\\0' "$each"; done; }\nTOKEN=t\n`;
  return execFileSync("sh", ["-c", `${fake}${script}`], { encoding: "utf8" })
    .split("\0")
    .slice(0, -1);
}

test("curl is given the body as it is, whatever quotes and lines are in it", () => {
  const body = { command: ["sh", "-c", `echo "it's $HOME"\nls \`pwd\``] };
  const given = argumentsOf("curl", asCurl("http://127.0.0.1:8080", body));
  expect(given).toContain("http://127.0.0.1:8080/api/v1/jobs");
  expect(JSON.parse(given.at(-1) ?? "")).toEqual(body);
});

test("the command line is given the text as it is", () => {
  const yaml = "name: it's\nJOB\ncommand: [$HOME]\n";
  const said = execFileSync("sh", ["-c", asCli(yaml).replace("cat > job.yaml", "cat").replace("berth submit", ": ")], {
    encoding: "utf8",
  });
  expect(said).toBe(yaml);
});

test("every example is a job that the wire takes", () => {
  for (const { slug, yaml } of EXAMPLES)
    expect(BatchBody.safeParse(readJobYaml(yaml).body).error?.issues, slug).toBe(undefined);
});
