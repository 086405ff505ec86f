// The ports a use case may be given. Types only: what fills them is chosen in runtime.ts.
import type { Duplex, Readable, Writable } from "node:stream";
import type { PostgresJsDatabase } from "drizzle-orm/postgres-js";
import type { BatchRun } from "../domain/execution/batch-run.ts";
import type { BatchSpec, Endpoint, ExecutionSpec, Observed, Placement } from "../domain/execution/spec.ts";
import type { ExecutionId, Id, IdPrefix, ProviderId } from "../domain/ids.ts";
import type { Marks } from "../domain/node/marks.ts";
import type { JoinRequest, SeenNode } from "../domain/node/seen.ts";
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
  /** some batch job wants machines, or some machine has room again */
  "batch.dispatch": Record<string, never>;
  /** some batch execution was given to a node of ours, or its pod changed */
  "batch.pods": Record<string, never>;
}
export type RingName = keyof Rings;

/** A doorbell: losing a ring only makes things late. */
export interface Queue {
  ring<N extends RingName>(name: N, payload: Rings[N]): Promise<void>;
}

/** What Berth needs from whatever runs executions. Idempotent by execution id. */
export interface Cluster {
  apply(spec: ExecutionSpec, where: Placement): Promise<void>;
  /** @param where it was placed: without it, it is looked for everywhere */
  observe(id: ExecutionId, where?: Placement): Promise<Observed>;
  remove(id: ExecutionId, where?: Placement): Promise<void>;
  /** All that the cluster holds for Berth, wanted or not: recovery and orphans. */
  list(): Promise<readonly { readonly id: ExecutionId; readonly observed: Observed }[]>;
}

/** A cluster whose changes can be watched. */
export interface WatchedCluster extends Cluster {
  /** Rings for executions that changed until the signal fires; an optimisation of the sweep, and it never throws. */
  watch(ring: (id: ExecutionId) => void, signal: AbortSignal): Promise<void>;
  /** The end of what it wrote, at most `LOG_TAIL_BYTES`; "" where nothing can be read any more. It never throws. */
  lastWords(id: ExecutionId, where: Placement): Promise<string>;
}

/** Where a batch execution runs and for whom. */
export interface BatchPlacement {
  /** the account it runs for */
  readonly tenant: string;
  readonly nodeName: string;
}

export interface HeldBatch {
  readonly id: ExecutionId;
  readonly tenant: string;
  /** `ended`: whatever it left can be collected, once; `leaving`: it is being taken away */
  readonly state: "starting" | "running" | "ended" | "leaving";
  /** by its node's clock; null before it began */
  readonly startedAt: Date | null;
}

/** Executions of batch jobs on nodes. Idempotent by execution id; nothing is remembered outside the cluster. */
export interface BatchPods {
  /** @returns why the cluster will never have it; null where it is there */
  apply(spec: BatchSpec, where: BatchPlacement): Promise<string | null>;
  /** All that the cluster holds of batch jobs. */
  list(): Promise<readonly HeldBatch[]>;
  /** What one that has ended left; null where it cannot be told yet. */
  collect(held: Pick<HeldBatch, "id" | "tenant">, spec: BatchSpec): Promise<BatchRun | null>;
  remove(held: Pick<HeldBatch, "id" | "tenant">): Promise<void>;
  /** Rings when any of them changed until the signal fires; an optimisation of the sweep, and it never throws. */
  watch(ring: () => void, signal: AbortSignal): Promise<void>;
}

/** All that is needed to reach into one running execution. */
export interface Whereabouts {
  readonly id: ExecutionId;
  /** the account it runs for */
  readonly tenant: string;
  /** where its SSH answers; null before it runs */
  readonly endpoint: Endpoint | null;
  /** its SSH host key, as one line of known_hosts has it behind the host */
  readonly hostKey: string;
  /** the broker's own key to it (OpenSSH private key PEM); null where it was rented without one */
  readonly doorKey: string | null;
}

export interface TerminalSize {
  readonly cols: number;
  readonly rows: number;
}

export interface ExecOptions {
  /** null: plain pipes, stdout and stderr apart */
  readonly terminal: TerminalSize | null;
  readonly signal: AbortSignal;
}

/** How a command ended: its exit code, or the signal that ended it, such as SIGKILL; both null where nobody knows. */
export interface ExitStatus {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A command that runs inside an execution. */
export interface Session {
  /** bytes for its stdin; ending it is its end of file */
  readonly input: Writable;
  /** its stdout; in a terminal all it says */
  readonly output: Readable;
  /** its stderr; empty in a terminal */
  readonly errors: Readable;
  resize(size: TerminalSize): void;
  /** Resolves after all output was handed on, also when the connection broke. It never rejects. */
  readonly exit: Promise<ExitStatus>;
  /** Hangs up: what still runs is told so, and `exit` resolves. */
  close(): void;
}

export interface LogOptions {
  /** how many lines of the past; null for all that is kept */
  readonly tailLines: number | null;
  /** go on with what comes, until the execution ends or the signal fires */
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

/**
 * Reaching into what runs: logs, commands, ports. A port of its own, because the web needs this and nothing else of a
 * cluster, and the worker everything else. All of it throws AppError `conflict` where the execution does not run (any
 * more) and `unavailable` where it cannot be reached now.
 */
export interface Inside {
  /** What it wrote, oldest first, in parts of any size. */
  logs(at: Whereabouts, options: LogOptions): AsyncIterable<string>;
  /** Runs a command: program and arguments, as they are. */
  exec(at: Whereabouts, command: readonly string[], options: ExecOptions): Promise<Session>;
  /**
   * A connection to a TCP port on its own loopback. Pods know no end of one direction only: ours reaches the server when
   * it has been quiet for a while.
   * @throws AppError `conflict` where nothing listens there; where that is learned late, the stream is destroyed with it
   */
  connect(at: Whereabouts, port: number, signal: AbortSignal): Promise<Duplex>;
}

/** What a machine is told beside its token. */
export interface JoinTarget {
  /** host:port of the API server, as joining machines reach it */
  readonly apiServer: string;
  /** `sha256:` and the hexadecimal digest of the cluster CA's public key */
  readonly caHash: string;
}

/**
 * What changed in the cluster, as far as a watch tells; `anything` after what it may have missed, `back` where the cluster
 * answers again after it did not.
 */
export type NodeChange =
  | { readonly kind: "node"; readonly name: string }
  | { readonly kind: "request"; readonly tokenId: string }
  | { readonly kind: "anything" }
  | { readonly kind: "back" };

/** The cluster's nodes, apart from what runs on them: joining, marks, leaving. Everything may be done twice. */
export interface Nodes {
  /** Publishes `cluster-info`, and the rights of those who join, where they are absent. */
  prepare(): Promise<JoinTarget>;
  /** @param token kubeadm's, both halves */
  issueToken(token: string, nodeName: string, expiresAt: Date): Promise<void>;
  revokeToken(tokenId: string): Promise<void>;
  /** Certificate requests made with a token of ours; those of one token, or of all. */
  requests(tokenId?: string): Promise<readonly JoinRequest[]>;
  approve(request: string): Promise<void>;
  refuse(request: string, why: string): Promise<void>;
  /** @returns null only where the API server says that there is none */
  find(name: string): Promise<SeenNode | null>;
  list(): Promise<readonly SeenNode[]>;
  /** Makes the node carry the marks and no others of ours. @returns false where it is gone or another one by now */
  mark(name: string, uid: string, marks: Marks): Promise<boolean>;
  /** Tells of changes until the signal fires; it resumes by itself and never throws. */
  watch(onChange: (change: NodeChange) => void, signal: AbortSignal): Promise<void>;
}

/** Whether what a process leans on beside its database answers. Cheap: each is asked once in a few seconds at most. */
export interface Answers {
  queue(): Promise<boolean>;
  /** null where no Kubernetes is configured */
  readonly cluster: (() => Promise<boolean>) | null;
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
  /** most GPUs that one account may hold on nodes at a time */
  readonly tenantMaxGpus: number;
  /** of labels, annotations and the taint on nodes, such as berth.dev */
  readonly labelPrefix: string;
  /** where the images of the catalogue are that the operator builds, such as registry.example/berth */
  readonly workspaceRegistry: string;
  /** messages on the streams of the seed count without a signature */
  readonly allowUnsignedStreams: boolean;
  /** ports of jobs are served at `<job>.apps.<domain>`, in a demo at `<job>.localhost`; null: they are off */
  readonly appsDomain: string | null;
  /** WalletConnect is offered only where there is one */
  readonly walletConnectProjectId: string | null;
}

export interface Deps {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  /** uniform in [0, 1): which decided jobs the broker checks */
  readonly random: () => number;
  readonly queue: Queue;
  /** machines with an agent */
  readonly cluster: Cluster;
  /** nodes of our Kubernetes; null where none is configured */
  readonly pods: WatchedCluster | null;
  /** batch jobs on nodes of our Kubernetes; null where none is configured */
  readonly batchPods: BatchPods | null;
  /** reaching into what runs on machines with an agent, and on nodes; null where no Kubernetes is configured */
  readonly inside: { readonly agent: Inside; readonly pods: Inside | null };
  /** null where no Kubernetes is configured: machines cannot join as nodes */
  readonly nodes: Nodes | null;
  readonly answers: Answers;
  readonly secrets: SecretBox;
  readonly ssh: Ssh;
  readonly wallets: Wallets;
  readonly wakes: Wakes;
  readonly log: Log;
  readonly settings: Settings;
}
