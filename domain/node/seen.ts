// What the cluster shows of a node and of those that want to become one, in our own words.

/** A Node object, as far as it matters here. Labels and annotations are those of our prefix, without it. */
export interface SeenNode {
  readonly name: string;
  readonly uid: string;
  readonly readiness: Readiness;
  /** of its Ready condition; the cluster's clock */
  readonly readySince: Date | null;
  readonly heartbeatAt: Date | null;
  /** null where the node says nothing about GPUs: no device plugin has spoken yet */
  readonly allocatableGpus: number | null;
  readonly allocatableCpu: number;
  readonly allocatableMemoryMb: number;
  readonly kubeletVersion: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** value of our taint */
  readonly taint: string | null;
  readonly cordoned: boolean;
}

/** `silent`: the kubelet stopped reporting and the cluster's own grace of 40 seconds is over. */
export const READINESSES = ["ready", "notReady", "silent"] as const;
export type Readiness = (typeof READINESSES)[number];

/** A certificate request made with one of our tokens. */
export interface JoinRequest {
  readonly name: string;
  readonly createdAt: Date;
  readonly signer: string;
  readonly username: string;
  readonly groups: readonly string[];
  readonly usages: readonly string[];
  /** null where the request cannot be read */
  readonly subject: RequestSubject | null;
  readonly state: "pending" | "approved" | "denied";
  readonly decidedAt: Date | null;
  readonly issued: boolean;
}

export interface RequestSubject {
  readonly commonNames: readonly string[];
  readonly organisations: readonly string[];
  /** other parts of its name, and whatever it asks for beside a name: alternative names, extensions, attributes */
  readonly extras: readonly string[];
}

/** Our group of bootstrap tokens: it may ask for a certificate, nothing approves it but Berth. */
export const JOIN_GROUP = "system:bootstrappers:berth:join";

const TOKEN_USER = "system:bootstrap:";
export const tokenUser = (tokenId: string): string => `${TOKEN_USER}${tokenId}`;

/** @returns the public half of the token that a user of the API stands for; null for anybody else */
export function tokenOf(username: string): string | null {
  const id = username.startsWith(TOKEN_USER) ? username.slice(TOKEN_USER.length) : "";
  return /^[a-z0-9]{6}$/.test(id) ? id : null;
}
