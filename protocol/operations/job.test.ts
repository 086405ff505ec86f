// The body of POST /jobs: a wrong one is told of the fields of its own kind.
import { describe, expect, test } from "vitest";
import { JobBody } from "./job.ts";

const seed = { name: "n", docker_image: "alpine", command: ["true"] };

function refused(body: unknown): string[] {
  const parsed = JobBody.safeParse(body);
  if (parsed.success) return [];
  return parsed.error.issues.map((issue) =>
    issue.code === "unrecognized_keys" ? issue.keys.join() : `${issue.path.join(".")}: ${issue.message}`,
  );
}

describe("a wrong field is named among those of its kind", () => {
  test("of a rental", () => {
    expect(refused({ kind: "rental", gpu_type: "x", duration_hours: 0 })).toEqual([
      expect.stringMatching(/^duration_hours: /),
    ]);
    expect(refused({ kind: "rental", duration_hours: 1 })).toEqual(["gpu_type: name a GPU model or a provider"]);
    expect(refused({ kind: "rental", gpu_type: "x", duration_hours: 1, redundancy: 3 })).toEqual(["redundancy"]);
  });

  test("of a batch job", () => {
    expect(refused({ kind: "batch", ...seed, redundancy: 8, comparator: { kind: "close" }, gpus: 1 })).toEqual([
      expect.stringMatching(/^redundancy: /),
      expect.stringMatching(/^comparator.kind: /),
      "gpus",
    ]);
    expect(refused({ kind: "batch", ...seed, files: ["../secret"] })).toEqual([
      "files.0: a path inside the working directory",
    ]);
  });

  test("of the seed's submit, whose own checks count and whose other keys do not", () => {
    expect(refused({ ...seed, required_cpu: "4" })).toEqual([expect.stringMatching(/^required_cpu: /)]);
    expect(refused({ name: "n", docker_image: "alpine" })).toEqual([expect.stringMatching(/^command: /)]);
    expect(refused({ ...seed, redundancy: 800, gpus: 1 })).toEqual([]);
  });

  test("an environment names its variable", () => {
    for (const kind of [{ kind: "batch" }, {}]) {
      expect(refused({ ...kind, ...seed, environment: { "a-b": "1" } })[0]).toMatch(/^environment.a-b: /);
      expect(refused({ ...kind, ...seed, environment: { BERTH_X: "1" } })[0]).toMatch(/^environment: .*BERTH_/);
    }
  });
});

test("an output file is asked for by the path that machines deliver it under, however it is spelled", () => {
  const files = ["./a", "b//c/", "d/./e", ".", "./"];
  expect(JobBody.parse({ kind: "batch", ...seed, files })).toMatchObject({ files: ["a", "b/c", "d/e", ".", "."] });
  for (const path of ["/a", "//a", "./../a", "a/./../b"])
    expect(refused({ kind: "batch", ...seed, files: [path] })).toEqual([expect.stringMatching(/^files.0: /)]);
});

test("what has no kind and no docker_image, or an unknown kind, is told of the kind", () => {
  for (const body of [{}, { name: "n" }, { kind: "vm" }, { kind: null, ...seed }, { kind: ["batch"] }])
    expect(refused(body), JSON.stringify(body)).toEqual(["kind: is rental or batch"]);
  for (const body of [null, 3, "batch", []])
    expect(refused(body), JSON.stringify(body)).toEqual([expect.stringMatching(/^: .*expected object/)]);
});

test("NUL is refused wherever it could reach the database", () => {
  const places = [
    { name: "a\0" },
    { description: "a\0" },
    { command: ["a\0"] },
    { input_data: "a\0" },
    { environment: { A: "\0" } },
    { docker_image: "a\0" },
  ];
  for (const kind of [{ kind: "batch" }, {}])
    for (const place of places) expect(refused({ ...kind, ...seed, ...place }), JSON.stringify(place)).toHaveLength(1);
  expect(refused({ kind: "batch", ...seed, files: ["a\0"] })).toHaveLength(1);
});

test("the seed's submit has its defaults: null counts as absent, less than 1 as 1, an empty command is one", () => {
  const nulls = { description: null, environment: null, input_data: null, required_cpu: 0, required_memory: -3 };
  expect(JobBody.parse({ ...seed, command: [], ...nulls, required_gpu: null })).toMatchObject({
    ...{ kind: "batch", command: [], redundancy: 3, consensus: 2, required_cpu: 1, required_memory: 1 },
    ...{ description: "", environment: {}, input_data: "", required_gpu: false, timeout_seconds: 300 },
  });
});
