// Every refusal Berth can give, in one table: HTTP status, title, and whether trying again may help.

/** The catalogue of problem codes. `status` is HTTP; `retry` says if the same request may succeed later. */
export const PROBLEMS = {
  "bad-request": { status: 400, title: "The request is not valid", retry: false },
  "bad-nonce": { status: 400, title: "The nonce is unknown, used or expired", retry: false },
  "bad-signature": { status: 401, title: "The signature does not match", retry: false },
  unauthenticated: { status: 401, title: "Log in first", retry: false },
  "insufficient-funds": { status: 402, title: "The balance does not cover the hold", retry: false },
  forbidden: { status: 403, title: "Not allowed", retry: false },
  "foreign-origin": { status: 403, title: "Requests from another origin are refused", retry: false },
  "missing-scope": { status: 403, title: "The key lacks the scope this needs", retry: false },
  "not-found": { status: 404, title: "Not found", retry: false },
  "method-not-allowed": { status: 405, title: "The method is not allowed here", retry: false },
  conflict: { status: 409, title: "The state does not allow this", retry: false },
  "no-capacity": { status: 409, title: "No offer fits", retry: true },
  "price-changed": { status: 409, title: "The price is above the limit given", retry: false },
  "stale-sequence": { status: 409, title: "A newer message was already taken", retry: false },
  "token-used": { status: 409, title: "The enrolment token was already used", retry: false },
  "too-large": { status: 413, title: "The body is too large", retry: false },
  "unsupported-media-type": { status: 415, title: "Send JSON", retry: false },
  "wrong-host": { status: 421, title: "This host name is not served here", retry: false },
  "idempotency-mismatch": { status: 422, title: "The idempotency key was used with another request", retry: false },
  "limit-reached": { status: 422, title: "A limit of the account is reached", retry: false },
  "too-many-requests": { status: 429, title: "Too many requests", retry: true },
  internal: { status: 500, title: "Something failed on our side", retry: true },
  unavailable: { status: 503, title: "Not ready", retry: true },
} as const satisfies Record<string, { status: number; title: string; retry: boolean }>;

export type ProblemCode = keyof typeof PROBLEMS;

/** One field of a request that was refused, as a dotted path (`env.PATH`, `gpu_count`). */
export interface FieldProblem {
  readonly field: string;
  readonly message: string;
}

export interface ProblemExtras {
  readonly fields?: readonly FieldProblem[];
  readonly removed?: Readonly<Record<string, number>>;
  readonly retryAfterSeconds?: number;
}

const BRAND = Symbol.for("berth.AppError");

/** An error whose `detail` may be shown to anyone. The `cause` stays private. */
export class AppError extends Error {
  readonly [BRAND] = true;
  constructor(
    readonly code: ProblemCode,
    readonly detail: string,
    readonly extras: ProblemExtras & { readonly cause?: unknown } = {},
  ) {
    super(`${code}: ${detail}`, { cause: extras.cause });
    this.name = "AppError";
  }
}

/** By brand, not `instanceof`: Next bundles its own copy of this module. */
export function isAppError(error: unknown): error is AppError {
  return typeof error === "object" && error !== null && BRAND in error;
}
