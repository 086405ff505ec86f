// Reading what somebody sent: as its schema says, or with what is wrong of each field, in words for people.
import type { z } from "zod";
import type { FieldProblem } from "../domain/errors.ts";

/** A field that was refused, by its place in what was read. */
export interface Misread {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

export type Read<T> =
  | { readonly data: T; readonly problems: null }
  | { readonly data: null; readonly problems: readonly Misread[] };

/** What a schema says itself stays, and is each field's first; where it says nothing it is `plainWords`. */
export function readAs<S extends z.ZodType>(schema: S, input: unknown): Read<z.output<S>> {
  const result = schema.safeParse(input, { error: plainWords });
  if (result.success) return { data: result.data, problems: null };
  const byField = new Map<string, Misread>();
  for (const issue of result.error.issues)
    for (const path of placesOf(issue)) {
      const field = nameOf(path);
      if (!byField.has(field)) byField.set(field, { path, message: issue.message });
    }
  return { data: null, problems: [...byField.values()] };
}

/** As a dotted path: `env.PATH`; "" is the whole. */
export function nameOf(path: readonly PropertyKey[]): string {
  return path.map(String).join(".");
}

export function toFieldProblem({ path, message }: Misread): FieldProblem {
  return { field: nameOf(path), message };
}

/** A key that is not known is told where it stands, not where it is missing. */
function placesOf(issue: z.core.$ZodIssue): readonly PropertyKey[][] {
  return issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
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

/** What zod says for programs, said for people who do not know it. */
function plainWords(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      return typeWords(issue);
    case "too_small":
      return boundWords(issue.origin, "at least", Number(issue.minimum));
    case "too_big":
      return boundWords(issue.origin, "at most", Number(issue.maximum));
    case "invalid_value":
      return oneOf(issue.values);
    case "invalid_union":
      return "options" in issue && Array.isArray(issue.options) ? oneOf(issue.options) : "is none of what it may be";
    case "invalid_key":
    case "invalid_element":
      return issue.issues[0]?.message;
    case "invalid_format":
      return "is not written as it has to be";
    case "unrecognized_keys":
      return "is not known here";
    default:
      return;
  }
}

function typeWords({ expected, input }: { readonly expected: string; readonly input?: unknown }): string {
  const wanted = TYPES[expected] ?? expected;
  if (input === null) return `has no value: ${wanted}`;
  if (input !== undefined) return wanted;
  return expected === "int" || expected === "number" ? "is missing: a number" : "is missing";
}

function boundWords(origin: string, bound: "at least" | "at most", by: number): string {
  const least = bound === "at least";
  if (origin === "string") return least && by === 1 ? "must not be empty" : `${bound} ${by} characters`;
  if (origin === "array") return least && by === 1 ? "choose at least one" : `${bound} ${by} of them`;
  if (origin === "int") return least ? "is too small a number" : "is too large a number";
  return `${bound} ${by}`;
}

function oneOf(values: readonly unknown[]): string {
  const said = values.filter((value) => value !== undefined && value !== null).map(String);
  return said.length > 1 ? `${said.slice(0, -1).join(", ")} or ${said.at(-1)}` : (said[0] ?? "nothing");
}
