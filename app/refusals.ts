// From what a use case throws to what a form shows. What is not meant for people goes on to the error page.
import type { z } from "zod";
import type { FormState, Refusal } from "../components/ui/form-state.ts";
import { AppError, isAppError, PROBLEMS } from "../domain/errors.ts";

function missing({ expected }: z.core.$ZodIssueInvalidType): string {
  return expected === "int" || expected === "number" ? "is missing: a number" : "is missing";
}

const TYPES: Readonly<Record<string, string>> = {
  int: "a whole number",
  number: "a number",
  array: "a list",
  record: "names and values",
  object: "names and values",
  boolean: "true or false",
  string: "text",
};

function wrongType({ expected }: z.core.$ZodIssueInvalidType): string {
  return TYPES[expected] ?? expected;
}

/** What zod says for programs, said for people; what a schema says itself stays. */
function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "too_big" && issue.origin === "number") return `at most ${issue.maximum}`;
  if (issue.code === "too_small" && issue.origin === "number") return `at least ${issue.minimum}`;
  if (issue.code === "too_small" && issue.origin === "array") return "choose at least one";
  if (issue.code === "invalid_type")
    return /received undefined$/.test(issue.message) ? missing(issue) : wrongType(issue);
  if (issue.code === "unrecognized_keys") return "is not known here";
  return issue.message;
}

/** A key that is not known is told where it stands, not where it is missing. */
function placesOf(issue: z.core.$ZodIssue): PropertyKey[][] {
  return issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
}

/** @throws AppError `bad-request` naming each field */
export function read<S extends z.ZodType>(schema: S, input: unknown): z.output<S> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const fields = result.error.issues.flatMap((issue) =>
    placesOf(issue).map((place) => ({ field: place.join("."), message: messageOf(issue) })),
  );
  throw new AppError("bad-request", "Some fields are not valid.", { fields });
}

/** @throws what is no AppError, unchanged */
export function refusalOf(error: unknown): Refusal {
  if (!isAppError(error)) throw error;
  return {
    code: error.code,
    title: PROBLEMS[error.code].title,
    detail: error.detail,
    fields: error.extras.fields ?? [],
  };
}

/** Runs the work of a form; a refusal becomes its next state. */
export async function attempt(previous: FormState, work: () => Promise<unknown>): Promise<FormState> {
  try {
    await work();
    return { refusal: null, done: previous.done + 1 };
  } catch (error) {
    return { refusal: refusalOf(error), done: previous.done };
  }
}
