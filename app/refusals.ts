// From what a use case throws to what a form shows. What is not meant for people goes on to the error page.
import type { z } from "zod";
import type { FormState, Refusal } from "../components/ui/form-state.ts";
import { AppError, isAppError, PROBLEMS } from "../domain/errors.ts";
import { readAs, toFieldProblem } from "../protocol/read.ts";

/** @throws AppError `bad-request` naming each field */
export function read<S extends z.ZodType>(schema: S, input: unknown): z.output<S> {
  const { data, problems } = readAs(schema, input);
  if (problems === null) return data;
  throw new AppError("bad-request", "Some fields are not valid.", { fields: problems.map(toFieldProblem) });
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
