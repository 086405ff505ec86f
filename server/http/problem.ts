// Every refusal as application/problem+json (RFC 9457). What is not an AppError shows nothing but its request id.
import { AppError, isAppError, PROBLEMS } from "../../domain/errors.ts";
import type { Problem } from "../../protocol/problem.ts";
import type { WireResponse } from "./message.ts";

const UNKNOWN = new AppError("internal", "Something failed on our side; it is logged under this request id.");

/** What the driver and PostgreSQL say of a database that is away. Whether a commit got through is not known then. */
const AWAY = /^(ECONNREFUSED|ECONNRESET|EPIPE|CONNECT_TIMEOUT|CONNECTION_(CLOSED|ENDED|DESTROYED)|57P0[123]|53300)$/;
const RETRY_AFTER_SECONDS = 1;

/** @returns the AppError itself, or what may be told of any other error */
export function toAppError(error: unknown): AppError {
  if (isAppError(error)) return error;
  if (!isDatabaseAway(error)) return UNKNOWN;
  const detail = "The database is out of reach for a moment. Send it again, with the same Idempotency-Key.";
  return new AppError("unavailable", detail, { cause: error, retryAfterSeconds: RETRY_AFTER_SECONDS });
}

function isDatabaseAway(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause)
    if ("code" in each && typeof each.code === "string" && AWAY.test(each.code)) return true;
  return false;
}

export function problemOf({ code, detail, extras }: AppError, requestId: string): Problem {
  const { status, title, retry } = PROBLEMS[code];
  return {
    type: `urn:berth:problem:${code}`,
    title,
    status,
    detail,
    error: detail,
    code,
    request_id: requestId,
    retry,
    ...(extras.fields ? { fields: extras.fields.map(({ field, message }) => ({ field, message })) } : {}),
    ...(extras.removed ? { removed: { ...extras.removed } } : {}),
  };
}

export function problemResponse(error: AppError, requestId: string): WireResponse {
  const problem = problemOf(error, requestId);
  const { retryAfterSeconds } = error.extras;
  return {
    status: problem.status,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      ...(problem.status === 401 ? { "www-authenticate": 'Bearer realm="berth"' } : {}),
      ...(retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) }),
    },
    body: JSON.stringify(problem),
  };
}
