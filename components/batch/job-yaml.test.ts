import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BatchBody } from "../../protocol/batch.ts";
import { DEFAULT_TEXT, JOB_FIELDS, linesOf, listOf, mapOf, textOf, variablesOf } from "./job-fields.ts";
import { jobYaml, readJobYaml, withField } from "./job-yaml.ts";

const YAML = `# counts primes
name: primes
docker_image: alpine:3.20
command:
  - sh
  - -c
  - |
    seq 1 10
    echo done
environment:
  THREADS: 4
  FAST: yes # a word
`;

describe("reading", () => {
  test("numbers among arguments and variables are text as it was written", () => {
    const { body } = readJobYaml(
      "name: a\ndocker_image: b\ncommand: [sleep, 007]\nenvironment: {N: 1.50, ON: true, NO: }",
    );
    const job = BatchBody.parse(body);
    expect(job.command).toEqual(["sleep", "007"]);
    expect(job.environment).toEqual({ N: "1.50", ON: "true", NO: "" });
  });

  test("a price may be a number, and a comparator its name", () => {
    const job = BatchBody.parse(readJobYaml("name: a\ndocker_image: b\nmax_price: 0.5\ncomparator: json").body);
    expect([job.max_price, job.comparator]).toEqual([500_000n, { kind: "json" }]);
  });

  test("what is no YAML is told at its line, and has no body", () => {
    const { body, problems } = readJobYaml("name: a\ndocker_image: b\ncommand: [sh, -c\ntimeout_seconds: 5\n");
    expect(body).toBeNull();
    expect(problems[0]?.line).toBeGreaterThanOrEqual(3);
  });

  test("a field of the wire has the line where it is written, and else the line of what is around it", () => {
    const { lineOf } = readJobYaml(YAML);
    expect([lineOf("name"), lineOf("command"), lineOf("command.1"), lineOf("environment.FAST")]).toEqual([2, 4, 6, 12]);
    expect([lineOf("timeout_seconds"), lineOf("comparator.rtol"), lineOf("")]).toEqual([1, 1, 1]);
  });

  test("a key that is written twice, a list instead of keys, and an alias are refused", () => {
    for (const text of ["name: a\nname: b", "- a\n- b", "just words", "a: &x [1]\nb: *x", "x".repeat(1_100_000)])
      expect(readJobYaml(text), text.slice(0, 20)).toMatchObject({ body: null, problems: [{}] });
  });

  test("an empty text is no job, and says so", () => {
    expect(readJobYaml("").problems).toHaveLength(1);
  });
});

describe("writing", () => {
  test("a changed field keeps comments, order and everything else", () => {
    const text = withField(YAML, "docker_image", { ...textOf(readJobYaml(YAML).body), docker_image: "alpine:3.21" });
    expect(text).toBe(YAML.replace("alpine:3.20", "alpine:3.21"));
  });

  test("an emptied field leaves job.yaml", () => {
    const form = { ...textOf(readJobYaml(YAML).body), command: "" };
    expect(readJobYaml(withField(YAML, "command", form)).body).not.toHaveProperty("command");
  });

  test("a form may be filled from nothing", () => {
    const text = withField("", "name", { ...DEFAULT_TEXT, name: "a" });
    expect(readJobYaml(text).body).toEqual({ kind: "batch", name: "a" });
  });

  test("YAML that cannot be read is not touched by the form", () => {
    expect(withField("name: [", "name", { ...DEFAULT_TEXT, name: "a" })).toBe("name: [");
  });

  test("required_gpu is one GPU in the form, and taking it away takes it away", () => {
    const text = "name: a\ndocker_image: b\nrequired_gpu: true\n";
    expect(textOf(readJobYaml(text).body).gpu_count).toBe("1");
    const none = withField(text, "gpu_count", { ...textOf(readJobYaml(text).body), gpu_count: "0" });
    expect(BatchBody.parse(readJobYaml(none).body)).toMatchObject({ required_gpu: false, gpu_count: 0 });
  });
});

const word = fc.string({ minLength: 0, maxLength: 12 }).filter((text) => !text.includes("\0"));
const body = fc.record({
  name: fc.stringMatching(/^[a-z]{1,8}$/),
  docker_image: fc.constant("alpine:3.20"),
  command: fc.array(word, { maxLength: 4 }),
  environment: fc.dictionary(fc.stringMatching(/^[A-Z_]{1,5}$/), word, { maxKeys: 3, noNullPrototype: true }),
  input_data: word,
  files: fc.array(fc.stringMatching(/^[a-z]{1,5}$/), { maxLength: 3 }),
  redundancy: fc.integer({ min: 1, max: 7 }),
  gpu_count: fc.integer({ min: 0, max: 8 }),
  network: fc.boolean(),
  comparator: fc.constantFrom<unknown>(
    { kind: "exact" },
    { kind: "json" },
    { kind: "numeric", rtol: 0.5, atol: 1e-9 },
    { kind: "files" },
  ),
});

test("what the form shows of any job writes the same job, field by field, into an empty text", {
  timeout: 60_000, // thousands of documents are read and written
}, () => {
  fc.assert(
    fc.property(body, (given) => {
      const form = textOf(readJobYaml(jobYaml(given)).body);
      let text = "";
      for (const field of JOB_FIELDS) text = withField(text, field, form);
      const wanted = BatchBody.parse({ kind: "batch", ...given });
      expect(BatchBody.parse(readJobYaml(text).body)).toEqual({ ...wanted, gpu_count: given.gpu_count });
    }),
    { numRuns: 100 },
  );
});

test("arguments survive their lines, whatever is in them", () => {
  fc.assert(
    fc.property(fc.array(word, { minLength: 1 }), (list) => {
      expect(listOf(linesOf(list))).toEqual(list);
    }),
  );
});

test("variables survive their lines, whatever is in them", () => {
  const map = fc.dictionary(fc.stringMatching(/^[A-Z_]{1,5}$/), word, { minKeys: 1, noNullPrototype: true });
  fc.assert(
    fc.property(map, (given) => {
      expect(mapOf(variablesOf(given))).toEqual(given);
    }),
  );
});
