// One message of a stream: how it is read, and what becomes of it.
import type { z } from "zod";
import {
  MAX_MESSAGE_BYTES,
  MAX_MESSAGE_SKEW_MS,
  MachineName,
  type StreamRefusal,
  type StreamResponse,
} from "../../../protocol/streams.ts";
import type { Deps } from "../../deps.ts";

export type StreamDeps = Pick<Deps, "db" | "clock" | "ids" | "queue" | "nodes" | "settings">;

/** An entry as Redis gives it. `id` is `<ms>-<n>`, given by Redis when it was added. */
export interface StreamEntry {
  readonly id: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** What becomes of an entry. All of it happens at once, and only where the entry was not answered before. */
export interface Outcome {
  readonly id: string;
  /** goes onto the machine's response stream */
  readonly response?: { readonly to: string; readonly data: StreamResponse };
  /** it is parked, and counted under this reason */
  readonly refused?: StreamRefusal;
  /** a newer message of the same machine was faster */
  readonly superseded?: boolean;
}

/** Why a message can never be taken. `message` is for people; `to` where it is known who asked. */
export class Refused extends Error {
  constructor(
    readonly reason: StreamRefusal,
    message: string,
    readonly to: string | null = null,
    readonly status = "",
  ) {
    super(message);
  }
}

export interface Message<T> {
  readonly entry: StreamEntry;
  readonly data: T;
  readonly timestamp: string;
  readonly sequence: number;
  /** null where it is unsigned; its sequence is the entry's time then */
  readonly signature: string | null;
  /** when Redis took it */
  readonly sentAt: Date;
}

/** @throws Refused */
export function readMessage<S extends z.ZodType<{ provider_id: string }>>(
  schema: S,
  entry: StreamEntry,
): Message<z.infer<S>> {
  const { data: raw, timestamp = "", signature = "", sequence = "" } = entry.fields;
  if (raw === undefined) throw new Refused("malformed", "data: is missing");
  if (Buffer.byteLength(raw) > MAX_MESSAGE_BYTES)
    throw new Refused("too-large", `data: is more than ${MAX_MESSAGE_BYTES} bytes`);
  const json = parseJson(raw);
  const to = nameIn(json);
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw new Refused("malformed", problemsOf(parsed.error), to);
  const sentAtMs = Number(entry.id.split("-")[0]);
  if (!/^\d{4}-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d)$/.test(timestamp))
    throw new Refused("malformed", "timestamp: must be RFC 3339, such as 2026-06-01T12:00:00Z", to);
  if (!(Math.abs(Date.parse(timestamp) - sentAtMs) <= MAX_MESSAGE_SKEW_MS))
    throw new Refused("wrong-time", "timestamp: is more than 5 minutes from ours; check the machine's clock", to);
  const common = { entry, data: parsed.data, timestamp, sentAt: new Date(sentAtMs) };
  if (signature === "") return { ...common, sequence: sentAtMs, signature: null };
  if (!/^[1-9]\d{0,15}$/.test(sequence) || !Number.isSafeInteger(Number(sequence)))
    throw new Refused("malformed", "sequence: must be a whole number that grows with every message", to);
  return { ...common, sequence: Number(sequence), signature };
}

function parseJson(raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    throw new Refused("malformed", "data: is no JSON");
  }
}

function nameIn(json: unknown): string | null {
  if (typeof json !== "object" || json === null || !("provider_id" in json)) return null;
  const name = MachineName.safeParse(json.provider_id);
  return name.success ? name.data : null;
}

function problemsOf({ issues }: z.ZodError): string {
  const named = issues.slice(0, 5).map(({ path, message }) => `${path.map(String).join(".") || "data"}: ${message}`);
  return named.join("; ").slice(0, 1000);
}

/** Whether entry `a` came before `b` (or is it); ids are compared as Redis orders them. */
export function notAfter(a: string, b: string): boolean {
  const [aMs = 0, aSeq = 0] = a.split("-").map(Number);
  const [bMs = 0, bSeq = 0] = b.split("-").map(Number);
  return aMs < bMs || (aMs === bMs && aSeq <= bSeq);
}

const NO_TICKET = {
  join_token: null,
  join_command: null,
  master_ip: null,
  master_port: null,
  ca_hash: null,
  node_name: null,
  labels: {},
} as const;

/** An answer without a ticket to the cluster. */
export function plainResponse(success: boolean, status: string, message: string): StreamResponse {
  return { success, status, message, ...NO_TICKET };
}

/** A refusal becomes an outcome; anything else is a fault of ours and stays one. */
export function refusedOutcome(id: string, error: unknown): Outcome {
  if (!(error instanceof Refused)) throw error;
  const { reason, message, to, status } = error;
  if (to === null) return { id, refused: reason };
  return { id, refused: reason, response: { to, data: { ...plainResponse(false, status, message), reason } } };
}
