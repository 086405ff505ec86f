// What single headers of a request say.
import { randomUUID } from "node:crypto";
import { AppError } from "../../domain/errors.ts";
import { headerOf, type WireRequest } from "./message.ts";

/** The caller's own, where it is a sane one. */
export function requestIdOf(request: WireRequest): string {
  const given = headerOf(request.headers, "x-request-id");
  return given !== undefined && /^[A-Za-z0-9._-]{1,64}$/.test(given) ? given : randomUUID();
}

/** @throws AppError `bad-request` */
export function idempotencyKeyOf(request: WireRequest): string | null {
  const key = headerOf(request.headers, "idempotency-key");
  if (key === undefined) return null;
  if (/^[\x21-\x7e]{1,200}$/.test(key)) return key;
  const fields = [{ field: "Idempotency-Key", message: "1 to 200 visible ASCII characters" }];
  throw new AppError("bad-request", "The Idempotency-Key is not valid.", { fields });
}

/** What is none of ours starts from the beginning: a browser sends back only what it was given. */
export function lastEventIdOf(request: WireRequest): string | null {
  const id = headerOf(request.headers, "last-event-id");
  return id !== undefined && /^[\w.-]{1,80}$/.test(id) ? id : null;
}
