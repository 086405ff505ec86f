// Inputs made from a JSON schema: such as it describes, and such with one thing wrong or hostile in them.
import fc from "fast-check";

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const numberOr = (value: unknown, otherwise: number) => (typeof value === "number" ? value : otherwise);

/** Values that the schema describes. What it cannot say (a refinement) may still be wrong with them. */
export function described(schema: unknown): fc.Arbitrary<unknown> {
  if (!isObject(schema)) return fc.jsonValue();
  if ("const" in schema) return fc.constant(schema.const);
  if (Array.isArray(schema.enum)) return fc.constantFrom(...schema.enum);
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(alternatives)) return fc.oneof(...alternatives.map(described));
  if (schema.type === "string") return text(schema);
  if (schema.type === "integer")
    return fc.integer({ min: numberOr(schema.minimum, 0), max: Math.min(numberOr(schema.maximum, 1000), 2 ** 31) });
  if (schema.type === "number")
    return fc.integer({ min: numberOr(schema.minimum, 0), max: numberOr(schema.maximum, 1000) });
  if (schema.type === "boolean") return fc.boolean();
  if (schema.type === "null") return fc.constant(null);
  if (schema.type === "array")
    return fc.array(described(schema.items), {
      minLength: numberOr(schema.minItems, 0),
      maxLength: Math.min(numberOr(schema.maxItems, 3), 3),
    });
  if (schema.type === "object") return object(schema);
  return fc.jsonValue();
}

function object(schema: Json): fc.Arbitrary<unknown> {
  const properties = Object.entries(isObject(schema.properties) ? schema.properties : {}).filter(
    ([, property]) => !isNever(property),
  );
  if (properties.length === 0 && isObject(schema.propertyNames))
    return fc.dictionary(described(schema.propertyNames).map(String), described(schema.additionalProperties), {
      maxKeys: 3,
    });
  const required = Array.isArray(schema.required) ? schema.required.map(String) : [];
  const model = Object.fromEntries(properties.map(([name, property]) => [name, described(property)]));
  return fc.record(model, { requiredKeys: required });
}

/** What no value meets: such a property is absent. */
function isNever(schema: unknown): boolean {
  return isObject(schema) && isObject(schema.not) && Object.keys(schema.not).length === 0;
}

function text(schema: Json): fc.Arbitrary<string> {
  if (schema.format === "date-time")
    return fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }).map((at) => at.toISOString());
  const [minLength, maxLength] = [numberOr(schema.minLength, 0), Math.min(numberOr(schema.maxLength, 60), 200)];
  // A class of Unicode properties and what may not come are met by plain letters; everything else is taken at its word.
  if (typeof schema.pattern !== "string" || /\\p\{|\(\?[!=]/.test(schema.pattern))
    return fc.stringMatching(/^[a-z0-9 ]*$/).map((s) => s.padEnd(minLength, "x").slice(0, maxLength));
  return fc.stringMatching(new RegExp(schema.pattern), { size: "small" });
}

const HOSTILE: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  2 ** 53,
  "",
  " ",
  "\0",
  "a\0b",
  "\ud800",
  "\u202e\u2028",
  "'; drop table jobs; --",
  "../../../etc/passwd",
  "$(id)",
  "<script>alert(1)</script>",
  "%00",
  "1e3",
  "NaN",
  "-0.000001",
  "99999999999999999999.000000",
  "x".repeat(100_000),
  [],
  {},
  [[[[]]]],
  { $gt: "" },
  { toString: 1 },
  Array.from({ length: 5000 }, () => 0),
];

const STRAY_NAMES = [
  "extra",
  "constructor",
  "toString",
  "hasOwnProperty",
  "account",
  "id",
  "$where",
  "",
  "é".repeat(1000),
] as const;

/** One thing in `value` made wrong: a field dropped, added, or replaced by something hostile. */
export function spoiled(value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const change = fc.record({
    at: fc.nat(),
    how: fc.constantFrom("replace", "replace", "drop", "add"),
    hostile: fc.constantFrom(...HOSTILE),
    name: fc.constantFrom(...STRAY_NAMES),
  });
  return fc.tuple(value, change).map(([whole, { at, how, hostile, name }]) => {
    const paths = pathsOf(whole);
    const path = paths[at % paths.length] ?? [];
    if (how === "add") return withStray(whole, name, hostile);
    return changed(whole, path, how === "drop" ? undefined : hostile);
  });
}

function withStray(whole: unknown, name: string, hostile: unknown): unknown {
  return isObject(whole) ? { ...whole, [name]: hostile } : hostile;
}

function pathsOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  const inner = typeof value === "object" && value !== null ? Object.entries(value) : [];
  return [path, ...inner.flatMap(([key, part]) => pathsOf(part, [...path, key]))];
}

/** `undefined` drops what is at the path. */
function changed(whole: unknown, [key, ...rest]: readonly string[], to: unknown): unknown {
  if (key === undefined) return to ?? null;
  if (Array.isArray(whole))
    return whole.flatMap((part, i) =>
      String(i) !== key ? [part] : rest.length === 0 && to === undefined ? [] : [changed(part, rest, to)],
    );
  if (!isObject(whole)) return whole;
  const entries = Object.entries(whole).flatMap(([name, part]) =>
    name !== key ? [[name, part]] : rest.length === 0 && to === undefined ? [] : [[name, changed(part, rest, to)]],
  );
  return Object.fromEntries(entries);
}
