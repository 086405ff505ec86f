// Held against the real sh, which says what it reads.
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { BatchBody } from "../../protocol/batch.ts";
import { asCli, asCurl } from "./copy-as.ts";
import { EXAMPLES } from "./examples.ts";

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

/** What `berth apply -f -` would read. */
function jobFileOf(text: string): string {
  const script = asCli(text).replace("berth apply -f -", "cat");
  return execFileSync("sh", ["-c", script], { encoding: "utf8" });
}

test("the command line is given the text as it is, with its comments", () => {
  const yaml = "# it's mine\nkind: batch\nname: its\ninput_data: |\n  $HOME\n  JOB\n";
  expect(jobFileOf(yaml)).toBe(yaml);
});

test("the command line takes nothing kindly, so it is given what the text was read as", () => {
  const given: unknown = parse(jobFileOf("name: a\ndocker_image: b\ncommand: [sleep, 5]\nmax_price: 0.5\n"));
  expect(BatchBody.safeParse(given).success).toBe(true);
  expect(given).toMatchObject({ kind: "batch", command: ["sleep", "5"], max_price: "0.500000" });
});

test("every example is a job that the wire takes", () => {
  for (const { slug, yaml } of EXAMPLES) expect(BatchBody.safeParse(parse(yaml)).error?.issues, slug).toBe(undefined);
});
