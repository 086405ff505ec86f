// One operation of the wire: what the dispatcher serves, OpenAPI describes and the typed client calls.
import { z } from "zod";

/**
 * Who may call: anyone, an enrolling machine, a signed agent, or an account with this scope. `wallet` needs a wallet session.
 * `node`: third-party workers, with the scope `providers` or in a demo with nothing.
 */
export const ACCESS = ["public", "agent", "node", "read", "jobs", "providers", "wallet"] as const;
export type Access = (typeof ACCESS)[number];

export interface OperationShape {
  readonly method: "GET" | "POST" | "DELETE";
  /** under /api/v1 unless it starts with `root:`; parameters as `:name` */
  readonly path: string;
  readonly summary: string;
  readonly access: Access;
  readonly params: z.ZodType;
  readonly query: z.ZodType;
  readonly body: z.ZodType;
  readonly response: z.ZodType;
  /** HTTP status of success */
  readonly status: 200 | 201 | 204;
  /** whether `Idempotency-Key` is honoured: everything that creates or spends */
  readonly idempotent: boolean;
  /** the reply must not be kept by caches: it carries a secret */
  readonly secret: boolean;
}

const NONE = z.strictObject({});
export type None = typeof NONE;

interface Given<A extends Access> {
  readonly method: OperationShape["method"];
  readonly path: string;
  readonly summary: string;
  readonly access: A;
  readonly status?: 200 | 201 | 204;
  readonly idempotent?: boolean;
  readonly secret?: boolean;
}

/** Declares an operation; what is not given takes no input. */
export function operation<
  A extends Access,
  P extends z.ZodType = None,
  Q extends z.ZodType = None,
  B extends z.ZodType = None,
  R extends z.ZodType = None,
>(given: Given<A> & { readonly params?: P; readonly query?: Q; readonly body?: B; readonly response?: R }) {
  // Named first: under `satisfies` the compiler would forget which access it is.
  const shape = {
    method: given.method,
    path: given.path,
    summary: given.summary,
    access: given.access,
    status: given.status ?? 200,
    idempotent: given.idempotent ?? false,
    secret: given.secret ?? false,
    params: orNone<P>(given.params),
    query: orNone<Q>(given.query),
    body: orNone<B>(given.body),
    response: orNone<R>(given.response),
  };
  return shape satisfies OperationShape;
}

/** The generic falls back to `None` exactly where the schema is absent, which the compiler cannot see. */
function orNone<S extends z.ZodType>(schema: S | undefined): S {
  return schema ?? (NONE as z.ZodType as S);
}
