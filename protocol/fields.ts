// The fields that many operations share. Query strings stay strings on the wire and are parsed, never coerced.
// What is shown is snake_case, money a decimal string, a time RFC 3339 with a zone.
import { z } from "zod";
import type { Id, IdPrefix } from "../domain/ids.ts";
import { parseMicros } from "../domain/money/micros.ts";

/** An id of one kind, such as `job_01…`. */
export function idField<P extends IdPrefix>(prefix: P) {
  return z
    .string()
    .regex(new RegExp(`^${prefix}_[0-7][0-9a-hjkmnp-tv-z]{25}$`), `an id that starts with ${prefix}_`)
    .transform((id) => id as Id<P>);
}

export const Time = z.iso.datetime({ offset: true });

/** USD as a decimal string with 6 places. */
export const Money = z.string().regex(/^-?\d{1,12}\.\d{6}$/, "a decimal string with 6 places, such as 0.389000");

/** USD as a decimal string with 6 places, read as micro-USD; not negative. */
export const Micros = z
  .string()
  .regex(/^\d{1,9}\.\d{6}$/, "a decimal string with 6 places, such as 0.389000")
  .transform((text) => parseMicros(text) ?? 0n);

/** An Ethereum address; kept in lower case everywhere. */
export const Address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "an address: 0x and 40 hexadecimal digits")
  .transform((text) => text.toLowerCase());

export const AddressView = z.string().regex(/^0x[0-9a-f]{40}$/);

/** Text that a person reads: no control characters, trimmed. */
export function text(max: number) {
  return z
    .string()
    .trim()
    .min(1, "must not be empty")
    .max(max)
    .regex(/^[^\p{Cc}\p{Cs}\u2028\u2029]*$/u, "must not contain control characters");
}

/** A whole number in a query string. */
export function queryInt(min: number, max: number) {
  return z
    .string()
    .regex(/^\d{1,9}$/, "a whole number")
    .transform(Number)
    .pipe(z.number().min(min).max(max));
}

/** Yes or no in a query string. */
export const Flag = z.enum(["true", "false"]).transform((text) => text === "true");

/** A parameter that may be repeated in a query string: any of its values. */
export function queryList<S extends z.ZodType>(value: S, max: number) {
  return z.array(value).min(1).max(max);
}

/** The names of a query that may be repeated. */
export function listNames(query: z.ZodType): ReadonlySet<string> {
  if (!(query instanceof z.ZodObject)) return new Set();
  const isList = (field: unknown): boolean =>
    field instanceof z.ZodArray || (field instanceof z.ZodOptional && isList(field.unwrap()));
  return new Set(Object.keys(query.shape).filter((name) => isList(query.shape[name])));
}

export const Cursor = z
  .string()
  .max(400)
  .regex(/^[A-Za-z0-9_-]+$/, "a next_cursor from an earlier reply");

export const Page = { limit: queryInt(1, 100).optional(), cursor: Cursor.optional() };

/** A reference such as `ghcr.io/owner/name:tag` or `alpine@sha256:…`. */
export const Image = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9._/:@-]*$/, "an image reference");

const MAX_ENV_BYTES = 32 * 1024;

const EnvName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, "a name of letters, digits and _ that no digit begins");
/** Variables of a job. */
export const Env = z
  .record(
    EnvName,
    z
      .string()
      .max(MAX_ENV_BYTES)
      .regex(/^[^\0]*$/, "must not contain NUL"),
  )
  .refine((env) => Object.keys(env).length <= 64, "at most 64 variables")
  .refine(
    (env) => Object.entries(env).reduce((n, [k, v]) => n + k.length + v.length, 0) <= MAX_ENV_BYTES,
    "at most 32 KiB in all",
  )
  .refine(
    (env) => !Object.keys(env).some((name) => name.startsWith("BERTH_")),
    "names that start with BERTH_ are ours",
  );
