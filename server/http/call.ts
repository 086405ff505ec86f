// What a handler is given: parsed input and a proved caller, typed by the operation.
import type { z } from "zod";
import type { Principal } from "../../domain/account/principal.ts";
import type { Access } from "../../protocol/operation.ts";
import type { OperationName, Operations } from "../../protocol/operations.ts";
import type { Deps } from "../deps.ts";

/** A signed agent is proved by its path; a public operation may know who asks. */
export type Who<A extends Access> = A extends "public" ? Principal | null : A extends "agent" ? null : Principal;

export interface Call<N extends OperationName> {
  readonly deps: Deps;
  readonly principal: Who<Operations[N]["access"]>;
  /** where the call comes from; null where the socket is not known */
  readonly address: string | null;
  /** the bearer token that was used */
  readonly token: string | null;
  readonly params: z.output<Operations[N]["params"]>;
  readonly query: z.output<Operations[N]["query"]>;
  readonly body: z.output<Operations[N]["body"]>;
  /** null where none was sent, or where the operation honours none */
  readonly idempotencyKey: string | null;
  /** of an event stream that is taken up again, as it was sent */
  readonly lastEventId: string | null;
  /** fires when the caller is gone, or the process stops */
  readonly signal: AbortSignal;
}

export type Handler<N extends OperationName> = (call: Call<N>) => Promise<z.input<Operations[N]["response"]>>;

/** Refuses at once or returns the events; each string is one whole message. */
export type StreamHandler<N extends OperationName> = (call: Call<N>) => Promise<AsyncIterable<string>>;
