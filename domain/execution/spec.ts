// What an execution is told to be, and what a cluster says it sees. Shared by broker, adapters and agents.
import type { ExecutionId, JobId, ProviderId } from "../ids.ts";

/** Where it runs and for whom: what a cluster of many machines and many tenants must know, and a machine alone need not. */
export interface Placement {
  /** the account it runs for */
  readonly tenant: string;
  /** the node by its issued name; null where an agent runs it */
  readonly nodeName: string | null;
  /** the address customers reach the machine on */
  readonly host: string;
  /** where its SSH answered once it ran: applied again, it is only given back what is missing around it */
  readonly sshPort?: number | null;
}

export interface RegistryLogin {
  /** as image references name it, such as ghcr.io */
  readonly registry: string;
  readonly username: string;
  readonly password: string;
}

/** Everything a provider needs to run one rental. Times are RFC 3339; memory and disk in MB and GB. */
export interface ExecutionSpec {
  readonly id: ExecutionId;
  readonly jobId: JobId;
  readonly providerId: ProviderId;
  readonly kind: "rental";
  readonly image: string;
  readonly cpuCores: number;
  readonly memoryMb: number;
  readonly diskGb: number;
  /** UUIDs of the GPUs held, in device order. Empty for CPU-only. */
  readonly gpuUuids: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** runs beside SSH: program and arguments; null for nothing */
  readonly command: readonly string[] | null;
  /** who pulls a private image; null for everybody's */
  readonly registryLogin: RegistryLogin | null;
  /** OpenSSH authorized_keys lines. */
  readonly sshPublicKeys: readonly string[];
  /** The SSH host key, made by the broker: OpenSSH private key PEM. */
  readonly sshHostKey: string;
  readonly deadline: string;
}

/** Everything a provider needs to run one execution of a batch job to its end. */
export interface BatchSpec {
  readonly id: ExecutionId;
  readonly jobId: JobId;
  readonly providerId: ProviderId;
  readonly kind: "batch";
  readonly image: string;
  /** in the place of the image's entrypoint; empty: the image's own */
  readonly command: readonly string[];
  /** who pulls a private image; null for everybody's */
  readonly registryLogin: RegistryLogin | null;
  /** on its stdin; "" for none */
  readonly inputData: string;
  /** output files and folders to collect, relative to its working directory */
  readonly files: readonly string[];
  readonly network: boolean;
  readonly cpuCores: number;
  readonly memoryMb: number;
  readonly diskGb: number;
  readonly gpuUuids: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** of running: pulling the image is not part of it */
  readonly timeoutSeconds: number;
  /** after which nobody waits for it any more */
  readonly deadline: string;
}

/** Most that is kept of what a pod wrote, once it is gone. */
export const LOG_TAIL_BYTES = 256 * 1024;

/** All that a machine with an agent may be told to run. Its process runtime uses no image, and so runs no command of one. */
export type AnySpec = ExecutionSpec | BatchSpec;

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

/** Why an execution ended, as its cluster tells it. */
export const END_CAUSES = [
  "exited",
  "start-failed",
  "killed",
  "deadline",
  "demo-stopped",
  "sandbox-missing",
  "image-not-found",
  "image-denied",
  "unfit-image",
  "ssh-silent",
  "unschedulable",
  "quota",
  "out-of-memory",
  "out-of-disk",
  "evicted",
  "node-lost",
] as const;
export type EndCause = (typeof END_CAUSES)[number];

/** What a cluster sees of one execution now. */
export type Observed =
  | { readonly state: "absent" }
  /** `incomplete`: it is there, but something around it is missing, which applying it again gives back */
  | { readonly state: "starting"; readonly incomplete?: true }
  | { readonly state: "ready"; readonly endpoint: Endpoint }
  | {
      readonly state: "ended";
      readonly exitCode: number | null;
      readonly cause: EndCause;
      readonly detail: string;
      readonly endedAt: Date;
    };
