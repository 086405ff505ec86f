import fc from "fast-check";
import { expect, test } from "vitest";
import { described, spoiled } from "../server/testing/arbitrary.ts";
import { BatchBody } from "./batch.ts";
import { schemaOf } from "./openapi.ts";
import { RentalBody } from "./operations/job.ts";
import { nameOf, readAs } from "./read.ts";

const KINDS = [BatchBody, RentalBody];
const good = { kind: "batch", name: "a", docker_image: "alpine" };

function told(body: object): Record<string, string> {
  const { problems } = readAs(BatchBody, { ...good, ...body });
  return Object.fromEntries((problems ?? []).map(({ path, message }) => [nameOf(path), message]));
}

test("bounds, choices and kinds are told in words", () => {
  expect(told({ required_cpu: 0, redundancy: 8, required_memory: 1.5, name: "x".repeat(256) })).toEqual({
    required_cpu: "at least 1",
    redundancy: "at most 7",
    required_memory: "a whole number",
    name: "at most 255 characters",
  });
  expect(told({ assurance: "very", comparator: { kind: "close" }, command: "ls", network: "yes" })).toEqual({
    assurance: "standard or high",
    "comparator.kind": "exact, json, numeric or files",
    command: "a list",
    network: "true or false",
  });
});

test("a field is told once: an empty image is empty, and nothing besides", () => {
  expect(readAs(BatchBody, { ...good, docker_image: "" }).problems).toEqual([
    { path: ["docker_image"], message: "must not be empty" },
  ]);
});

test("a name that may not be one is told by what it has to be", () => {
  expect(told({ environment: { "1A": "x" } })).toEqual({
    "environment.1A": "a name of letters, digits and _ that no digit begins",
  });
});

test("what is missing, has no value, or is not known is told as that", () => {
  expect(told({ name: undefined, docker_image: null, tiemout: 1 })).toEqual({
    name: "is missing",
    docker_image: "has no value: text",
    tiemout: "is not known here",
  });
});

test("no body of a job, however wrong, is answered in zod's own words, nor a field of it twice", () => {
  for (const schema of KINDS)
    fc.assert(
      fc.property(spoiled(described(schemaOf(schema, "input"))), (body) => {
        const problems = readAs(schema, body).problems ?? [];
        const fields = problems.map(({ path }) => nameOf(path));
        expect(fields).toEqual([...new Set(fields)]);
        for (const { message } of problems)
          expect(message).not.toMatch(/^(Too (small|big)|Invalid|Unrecognized)|expected/);
      }),
    );
});
