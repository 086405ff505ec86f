// The ports a use case may be given. Types only: what fills them is chosen in runtime.ts.
import type { PostgresJsDatabase } from "drizzle-orm/postgres-js";
import type { Endpoint, ExecutionSpec, Observed } from "../domain/execution/spec.ts";
import type { Id, IdPrefix, ExecutionId, ProviderId } from "../domain/ids.ts";

export type Db = PostgresJsDatabase<Record<string, never>>;
export type Tx = Parameters<Parameters<Db["transaction"]>[0]>[0];

/** The database's time, so that processes cannot disagree. */
export interface Clock {
  now(): Date;
}

export interface Ids {
  next<P extends IdPrefix>(prefix: P): Id<P>;
  /** URL-safe secret of `bytes` random bytes. */
  secret(bytes: number): string;
}

/** Every ring there is, and what it carries. */
export interface Rings {
  "execution.reconcile": { id: ExecutionId };
}
export type RingName = keyof Rings;

/** A doorbell: losing a ring only makes things late. */
export interface Queue {
  ring<N extends RingName>(name: N, payload: Rings[N]): Promise<void>;
}

/** What Berth needs from whatever runs executions. Idempotent by execution id. */
export interface Cluster {
  apply(spec: ExecutionSpec): Promise<void>;
  observe(id: ExecutionId): Promise<Observed>;
  remove(id: ExecutionId): Promise<void>;
  /** All that the cluster holds for Berth, wanted or not: recovery and orphans. */
  list(): Promise<readonly { readonly id: ExecutionId; readonly observed: Observed }[]>;
}

/** Encrypts what must not be read from a database dump. */
export interface SecretBox {
  seal(plain: string): string;
  open(sealed: string): string;
}

/** Wakes whoever waits for a subject; a lost wake only makes them late. */
export interface Wakes {
  /** Resolves when `topic` was woken, the signal fired, or `ms` passed. */
  wait(topic: string, ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls back on every wake of `topic` until the returned function is called. */
  subscribe(topic: string, onWake: () => void): () => void;
}

export interface Log {
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}

export type { Endpoint, ProviderId };
