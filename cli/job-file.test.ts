import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { CliError } from "./errors.ts";
import { jobSchema, readJobFile } from "./job-file.ts";

const COPY = new URL("../docs/job.schema.json", import.meta.url);
const EXAMPLES = new URL("../docs/examples/", import.meta.url);

test("docs/job.schema.json is what the bodies of jobs say; UPDATE_JOB_SCHEMA=1 writes it anew", () => {
  const now = `${JSON.stringify(jobSchema(), null, 2)}\n`;
  if (process.env.UPDATE_JOB_SCHEMA === "1") writeFileSync(COPY, now);
  expect(readFileSync(COPY, "utf8")).toBe(now);
});

test("every example is a job that a broker takes, and names the schema for editors", () => {
  const names = readdirSync(EXAMPLES).filter((name) => name.endsWith(".yaml"));
  expect(names.length).toBeGreaterThanOrEqual(3);
  for (const name of names) {
    const text = readFileSync(new URL(name, EXAMPLES), "utf8");
    expect(text.split("\n")[0], name).toBe("# yaml-language-server: $schema=../job.schema.json");
    expect(readJobFile(text, name).length, name).toBeGreaterThanOrEqual(1);
  }
});

describe("a job file", () => {
  const refusal = (text: string): CliError => {
    try {
      readJobFile(text, "job.yaml");
    } catch (error) {
      if (error instanceof CliError) return error;
    }
    throw new Error("it was taken");
  };

  test("is sent as it was written: what it does not say is left to the broker", () => {
    expect(readJobFile("kind: batch\nname: a\ndocker_image: alpine\n", "f")).toEqual([
      { kind: "batch", name: "a", docker_image: "alpine" },
    ]);
  });

  test("has as many jobs as documents, of either kind, and JSON is YAML", () => {
    const text = `---\nkind: batch\nname: a\ndocker_image: alpine\n---\n{"kind":"rental","gpu_count":0,"duration_hours":1}\n---\n`;
    expect(readJobFile(text, "f").map(({ kind }) => kind)).toEqual(["batch", "rental"]);
  });

  test("with mistakes names each of them, its field and its line, in all documents at once", () => {
    const text = [
      "kind: batch",
      "name: a",
      "docker_image: alpine",
      "redundancy: 9",
      "comparator:",
      "  kind: numeric",
      "  rtol: two",
      "---",
      "kind: rental",
      "gpu_typ: x",
      "gpu_count: 0",
    ].join("\n");
    const { details } = refusal(text);
    expect(details.map((line) => line.split(": ").slice(0, 2).join(": "))).toEqual([
      "job.yaml:4: redundancy",
      "job.yaml:7: comparator.rtol",
      "job.yaml:9: duration_hours",
      "job.yaml:10: gpu_typ",
    ]);
  });

  test("is told of what does not go together before anything is sent, in every document and beside its line", () => {
    const head = "kind: batch\nname: a\ndocker_image: alpine\n";
    expect(refusal(`${head}---\n${head}consensus: 4\n---\n${head}comparator: {kind: files}\n`).details).toEqual([
      "job.yaml:8: consensus: is at most redundancy, which is 3; 1 takes a single result, unverified",
      "job.yaml:10: files: must name the output files that the comparator files compares",
    ]);
  });

  test("has each wrong field told once, in plain words, under its own name", () => {
    const text = [
      "kind: batch",
      "name:",
      'docker_image: ""',
      "required_cpu: 0",
      "environment: {1A: x}",
      "comparator: {kind: near}",
    ].join("\n");
    expect(refusal(text).details).toEqual([
      "job.yaml:2: name: has no value: text",
      "job.yaml:3: docker_image: must not be empty",
      "job.yaml:4: required_cpu: at least 1",
      "job.yaml:5: environment.1A: a name of letters, digits and _ that no digit begins",
      "job.yaml:6: comparator.kind: exact, json, numeric or files",
    ]);
  });

  test("of aliases that would grow beyond all bounds is refused by its name", () => {
    const times = (name: string) => `[${Array.from({ length: 9 }, () => name).join(", ")}]`;
    const grown = ["b", "c", "d", "e"].map((name, i) => `${name}: &${name} ${times(`*${"abcd"[i]}`)}`);
    expect(refusal(`a: &a [x]\n${grown.join("\n")}\n`).message).toContain("job.yaml has too many aliases");
    expect(refusal("kind: *none\n").message).toContain("job.yaml");
  });

  test("without a kind, with another one, empty, or of broken YAML is refused as that", () => {
    expect(refusal("name: a\n").details).toEqual(["job.yaml:1: kind: is missing: rental or batch"]);
    expect(refusal("kind: both\n").details).toEqual(["job.yaml:1: kind: is rental or batch"]);
    for (const text of ["- kind: batch\n", "hello\n"])
      expect(refusal(text).details).toEqual(["job.yaml:1: job: is a map of fields, such as kind: batch"]);
    expect(refusal("# nothing\n").message).toContain("no job in it");
    expect(refusal("kind: [batch\n").message).toContain("is not YAML");
    expect(refusal("kind: [batch\n").details[0]).toMatch(/^job\.yaml:\d+: /);
  });
});
