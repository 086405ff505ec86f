// The ports a use case may be given. Types only: what fills them is chosen in runtime.ts.
import type { PostgresJsDatabase } from "drizzle-orm/postgres-js";
import type { ExecutionSpec, Observed } from "../domain/execution/spec.ts";
import type { ExecutionId, Id, IdPrefix, ProviderId } from "../domain/ids.ts";
import type { LoginTypedData } from "../protocol/operations/account.ts";

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
  "node.reconcile": { id: ProviderId };
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

/** The cluster's nodes, apart from what runs on them: joining, marks, leaving. */
// biome-ignore lint/suspicious/noEmptyInterface: UNBUILT, the node adapter fills it
export interface Nodes {}

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

/** SSH keys: reading what customers give, making what hosts show. */
export interface Ssh {
  /** @throws AppError `bad-request` that names the field `public_key` */
  parsePublicKey(text: string): { readonly type: string; readonly publicKey: string; readonly fingerprint: string };
  newHostKey(): { readonly privateKey: string; readonly publicKey: string; readonly fingerprint: string };
}

/** Checks an EIP-712 signature, of a key or of a contract wallet (ERC-1271, ERC-6492 where a chain is configured). */
export interface Wallets {
  signed(address: string, typedData: LoginTypedData, signature: `0x${string}`): Promise<boolean>;
}

export type AdmissionRule = "automatic" | "manual";

/** What an operator decided, parsed once from the environment. */
export interface Settings {
  readonly version: string;
  readonly demo: boolean;
  /** origin that people use, such as http://127.0.0.1:8080 */
  readonly publicUrl: string;
  /** basis points of every charge */
  readonly platformFeeBps: number;
  /** account that speaks where nobody is logged in; demo only */
  readonly anonymousAccount: string | null;
  readonly operators: readonly string[];
  /** micro-USD granted at an account's first login; 0 outside a demo */
  readonly welcomePromotion: bigint;
  /** whether a machine that enrols is admitted at once, or waits for an operator; nodes of the cluster apart */
  readonly admission: { readonly agent: AdmissionRule; readonly node: AdmissionRule };
  /** of labels, annotations and the taint on nodes, such as berth.dev */
  readonly labelPrefix: string;
  /** messages on the streams of the seed count without a signature */
  readonly allowUnsignedStreams: boolean;
  /** WalletConnect is offered only where there is one */
  readonly walletConnectProjectId: string | null;
}

export interface Deps {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly queue: Queue;
  readonly cluster: Cluster;
  /** null where no Kubernetes is configured: machines cannot join as nodes */
  readonly nodes: Nodes | null;
  readonly secrets: SecretBox;
  readonly ssh: Ssh;
  readonly wallets: Wallets;
  readonly wakes: Wakes;
  readonly log: Log;
  readonly settings: Settings;
}
