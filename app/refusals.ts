// From what a use case throws to what a form shows. What is not meant for people goes on to the error page.
import type { z } from "zod";
import type { FormState, Refusal } from "../components/ui/form-state.ts";
import { AppError, isAppError, PROBLEMS } from "../domain/errors.ts";

/** What zod says for programs, said for people; what a schema says itself stays. */
function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "too_big" && issue.origin === "number") return `at most ${issue.maximum}`;
  if (issue.code === "too_small" && issue.origin === "number") return `at least ${issue.minimum}`;
  if (issue.code === "too_small" && issue.origin === "array") return "choose at least one";
  if (issue.code === "invalid_type")
    return issue.expected === "int" || issue.expected === "number" ? "a whole number" : "is missing";
  return issue.message;
}

/** @throws AppError `bad-request` naming each field */
export function read<S extends z.ZodType>(schema: S, input: unknown): z.output<S> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const fields = result.error.issues.map((issue) => ({ field: issue.path.join("."), message: messageOf(issue) }));
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
