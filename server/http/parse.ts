// From bytes to parsed input: strict, bounded, and every refused field named.
import type { IncomingHttpHeaders } from "node:http";
import sjson from "secure-json-parse";
import type { z } from "zod";
import { AppError, type FieldProblem } from "../../domain/errors.ts";
import { readAs, toFieldProblem } from "../../protocol/read.ts";
import { headerOf } from "./message.ts";

export const MAX_BODY_BYTES = 2 << 20;
const MAX_QUERY_CHARACTERS = 8_192;
const MAX_FIELDS_NAMED = 50;
const MAX_FIELD_NAME = 120;

/**
 * Reads a body that may be sent in pieces; stops as soon as it is too large.
 * @throws AppError `too-large`
 */
export async function readBody(body: AsyncIterable<Uint8Array> | null, headers: IncomingHttpHeaders): Promise<Buffer> {
  const tooLarge = () => new AppError("too-large", `A body has at most ${MAX_BODY_BYTES} bytes.`);
  if (Number(headers["content-length"] ?? 0) > MAX_BODY_BYTES) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_BODY_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Pages read their forms whole, so these must say how long they are. @throws AppError `too-large` */
export function refuseLargePost(headers: IncomingHttpHeaders): void {
  if (headers["transfer-encoding"] === undefined && Number(headers["content-length"] ?? 0) <= MAX_BODY_BYTES) return;
  throw new AppError("too-large", `A form has a Content-Length of at most ${MAX_BODY_BYTES} bytes.`);
}

/**
 * @returns what the JSON says; an empty body is an empty object
 * @throws AppError `unsupported-media-type`, `bad-request`
 */
export function parseJson(raw: Buffer, headers: IncomingHttpHeaders): unknown {
  if (raw.byteLength === 0) return {};
  refuseOtherMedia(headers);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(raw);
  } catch {
    throw new AppError("bad-request", "The body is not UTF-8.");
  }
  try {
    return sjson.parse(text, null, { protoAction: "error", constructorAction: "error" });
  } catch {
    throw new AppError("bad-request", "The body is not JSON, or has a key that no request may have.");
  }
}

function refuseOtherMedia(headers: IncomingHttpHeaders): void {
  const [type, ...parameters] = (headers["content-type"] ?? "").split(";").map((part) => part.trim().toLowerCase());
  const charset = parameters.find((parameter) => parameter.startsWith("charset="));
  const encoding = headerOf(headers, "content-encoding") ?? "identity";
  if (type === "application/json" && (!charset || /^charset="?utf-8"?$/.test(charset)) && encoding === "identity")
    return;
  throw new AppError("unsupported-media-type", "Send application/json in UTF-8, not compressed.");
}

/**
 * @param target path and query, as sent
 * @param lists names that may be repeated: their values come as an array, a single one too
 * @throws AppError `bad-request` for malformed percent-encoding and any other name that is given twice
 */
export function parseQuery(target: string, lists: ReadonlySet<string>): Record<string, string | string[]> {
  const start = target.indexOf("?");
  const text = start < 0 ? "" : target.slice(start + 1);
  if (text.length > MAX_QUERY_CHARACTERS) throw new AppError("bad-request", "The query is too long.");
  const query = new Map<string, string[]>();
  for (const pair of text.split("&").filter(Boolean)) {
    const [name, value] = [
      pair.split("=", 1)[0] ?? "",
      pair.includes("=") ? pair.slice(pair.indexOf("=") + 1) : "",
    ].map(decoded);
    if (name === undefined || value === undefined || name === "__proto__")
      throw new AppError("bad-request", "The query is not well percent-encoded.");
    const before = query.get(name);
    if (before && !lists.has(name)) throw refused([{ field: shortened(name), message: "is given twice" }]);
    if (before) before.push(value);
    else query.set(name, [value]);
  }
  return Object.fromEntries([...query].map(([name, values]) => [name, lists.has(name) ? values : (values[0] ?? "")]));
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}

/** @throws AppError `bad-request` that names each field */
export function parseWith<S extends z.ZodType>(schema: S, input: unknown): z.output<S> {
  const { data, problems } = readAs(schema, input);
  if (problems === null) return data;
  const fields = problems.slice(0, MAX_FIELDS_NAMED).map(toFieldProblem);
  throw refused(fields.map(({ field, message }) => ({ field: shortened(field), message })));
}

function refused(fields: FieldProblem[]): AppError {
  const names = [...new Set(fields.map(({ field }) => field || "the request"))];
  return new AppError(
    "bad-request",
    `Not valid: ${names.slice(0, 5).join(", ")}${names.length > 5 ? " and more" : ""}.`,
    { fields },
  );
}

function shortened(name: string): string {
  return name.length > MAX_FIELD_NAME ? `${name.slice(0, MAX_FIELD_NAME)}…` : name;
}
