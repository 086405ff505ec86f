// The typed client: every operation by its name, its input and its reply checked against the same schemas.
import type { z } from "zod";
import type { ProblemCode } from "../domain/errors.ts";
import type { OperationShape } from "./operation.ts";
import { OPERATION_NAMES, type OperationName, type Operations, operations, pathOf } from "./operations.ts";
import { Problem } from "./problem.ts";

type Part<K extends string, S extends z.ZodType> =
  Record<string, never> extends z.input<S> ? { readonly [P in K]?: z.input<S> } : { readonly [P in K]: z.input<S> };

/** What an operation takes, as it is sent; parts that may be empty may be left out. */
export type ClientInput<N extends OperationName> = Part<"params", Operations[N]["params"]> &
  Part<"query", Operations[N]["query"]> &
  Part<"body", Operations[N]["body"]> & { readonly idempotencyKey?: string; readonly signal?: AbortSignal };

type Args<N extends OperationName> =
  Record<string, never> extends ClientInput<N> ? [input?: ClientInput<N>] : [input: ClientInput<N>];

export type BerthClient = {
  readonly [N in OperationName]: (...args: Args<N>) => Promise<z.output<Operations[N]["response"]>>;
};

export interface ClientOptions {
  /** origin of the broker */
  readonly baseUrl: string;
  /** a session token or an API key */
  readonly token?: string;
  readonly fetch?: typeof fetch;
}

/** A refusal of the broker; its problem says why, and whether trying again may help. */
export class ProblemError extends Error {
  readonly problem: Problem;
  /** what Retry-After asked for */
  readonly retryAfterSeconds: number | null;

  constructor(problem: Problem, retryAfterSeconds: number | null) {
    super(`${problem.code}: ${problem.detail}`);
    this.name = "ProblemError";
    this.problem = problem;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  is(code: ProblemCode): boolean {
    return this.problem.code === code;
  }
}

interface AnyInput {
  readonly params?: unknown;
  readonly query?: unknown;
  readonly body?: unknown;
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

/** Every call throws ProblemError where the broker refuses, and what `fetch` throws where it is not reached. */
export function berthClient(options: ClientOptions): BerthClient {
  const calls = OPERATION_NAMES.map((name) => [name, (input: AnyInput = {}) => send(options, name, input)] as const);
  return Object.fromEntries(calls) as unknown as BerthClient; // one call for each name, each reply parsed by its schema
}

async function send(options: ClientOptions, name: OperationName, input: AnyInput): Promise<unknown> {
  const operation: OperationShape = operations[name];
  const headers = new Headers({ accept: "application/json" });
  if (options.token !== undefined) headers.set("authorization", `Bearer ${options.token}`);
  if (input.idempotencyKey !== undefined) headers.set("idempotency-key", input.idempotencyKey);
  if (input.body !== undefined) headers.set("content-type", "application/json");
  const url = new URL(filled(pathOf(name), Object.fromEntries(pairsOf(input.params))), options.baseUrl);
  for (const [key, value] of pairsOf(input.query)) url.searchParams.append(key, value);
  const response = await (options.fetch ?? fetch)(url, {
    method: operation.method,
    headers,
    ...(input.body === undefined ? {} : { body: JSON.stringify(input.body) }),
    ...(input.signal === undefined ? {} : { signal: input.signal }),
  });
  if (!response.ok) throw await refusalOf(response);
  return operation.response.parse(response.status === 204 ? {} : await response.json());
}

function filled(path: string, params: Readonly<Record<string, string>>): string {
  return path.replaceAll(/:([a-z_]+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ""));
}

/** Parameters and queries are text on the wire; a list is its name repeated. */
function pairsOf(part: unknown): [string, string][] {
  const pairs: [string, unknown][] = Object.entries(typeof part === "object" && part !== null ? part : {});
  return pairs
    .flatMap(([key, value]) =>
      Array.isArray(value) ? value.map((one: unknown) => [key, one] as const) : [[key, value] as const],
    )
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => [key, String(value)]);
}

/** What an answer that is not 2xx refuses with. */
export async function refusalOf(response: Response): Promise<ProblemError> {
  const retryAfter = Number(response.headers.get("retry-after") ?? Number.NaN);
  const said = Problem.safeParse(await response.json().catch(() => null));
  const problem = said.success ? said.data : unknownProblem(response);
  return new ProblemError(problem, Number.isFinite(retryAfter) ? retryAfter : null);
}

/** Something between us and the broker answered. */
function unknownProblem(response: Response): Problem {
  return {
    type: "about:blank",
    title: response.statusText || "No answer of the broker",
    status: response.status,
    detail: `The answer was HTTP ${response.status} and no problem of the broker's.`,
    code: "unavailable" satisfies ProblemCode,
    request_id: response.headers.get("x-request-id") ?? "",
    retry: response.status >= 500,
  };
}
