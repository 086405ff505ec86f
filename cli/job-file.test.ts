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

  test("without a kind, with another one, empty, or of broken YAML is refused as that", () => {
    expect(refusal("name: a\n").details).toEqual(["job.yaml:1: kind: is rental or batch"]);
    expect(refusal("kind: both\n").details).toEqual(["job.yaml:1: kind: is rental or batch"]);
    expect(refusal("# nothing\n").message).toContain("no job in it");
    expect(refusal("kind: [batch\n").message).toContain("is not YAML");
    expect(refusal("kind: [batch\n").details[0]).toMatch(/^job\.yaml:\d+: /);
  });
});
