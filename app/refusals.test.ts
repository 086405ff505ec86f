import { expect, test } from "vitest";
import { isAppError } from "../domain/errors.ts";
import { BatchBody } from "../protocol/batch.ts";
import { read } from "./refusals.ts";

/** What a form is told of a body, by field. */
function told(body: object): Record<string, string> {
  try {
    read(BatchBody, { kind: "batch", name: "a", docker_image: "b", ...body });
  } catch (error) {
    if (!isAppError(error)) throw error;
    return Object.fromEntries((error.extras.fields ?? []).map(({ field, message }) => [field, message]));
  }
  return {};
}

test("a value of the wrong type is told what it should be, and one that is not there that it is missing", () => {
  expect(told({ name: undefined })).toEqual({ name: "is missing" });
  expect(told({ command: "ls", network: "yes", environment: [], timeout_seconds: "5" })).toEqual({
    command: "a list",
    network: "true or false",
    environment: "names and values",
    timeout_seconds: "a number",
  });
});

test("a key that is not known is told by its name, inside others too", () => {
  expect(told({ tiemout: 5, comparator: { kind: "numeric", tol: 1 } })).toEqual({
    tiemout: "is not known here",
    "comparator.tol": "is not known here",
  });
});

test("a number out of its bounds is told the bound", () => {
  expect(told({ timeout_seconds: 0, redundancy: 8 })).toEqual({
    timeout_seconds: "at least 1",
    redundancy: "at most 7",
  });
});
