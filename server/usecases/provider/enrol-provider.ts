// A machine enrols: its key, its owner's token, and what it is.
import { createPublicKey } from "node:crypto";
import type { z } from "zod";
import { AppError } from "../../../domain/errors.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import { parseMicros } from "../../../domain/money/micros.ts";
import { issuedNodeName } from "../../../domain/provider/node-name.ts";
import { isNode, REPUTATION_START } from "../../../domain/provider/state.ts";
import type { Enrol } from "../../../protocol/agent.ts";
import type { Deps, Tx } from "../../deps.ts";
import { lockEnrolmentToken, markEnrolmentTokenUsed } from "../../repos/enrolment.ts";
import { recordEvent } from "../../repos/events.ts";
import { upsertGpus } from "../../repos/gpus.ts";
import { insertNode } from "../../repos/nodes.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import {
  insertProvider,
  type ProviderRow,
  providerByExternalId,
  providerByKey,
  updateProvider,
} from "../../repos/providers.ts";
import { recordReputation } from "../../repos/reputation.ts";
import { hashToken } from "./create-enrolment-token.ts";
import { gpuColumns, machineColumns } from "./inventory.ts";
import { nodeRing } from "./owned.ts";

type EnrolBody = z.infer<typeof Enrol>;
type EnrolDeps = Pick<Deps, "db" | "clock" | "ids" | "queue" | "settings"> & {
  /** whether there is a cluster to join is all that matters here */
  readonly nodes: object | null;
};

export interface Enrolled {
  readonly providerId: ProviderId;
  readonly owner: string;
}

export interface EnrolOptions {
  /** what the machine calls itself on the streams of the seed */
  readonly externalId?: string;
}

/**
 * Enrols a machine for the account of its token. A machine whose first answer was lost asks again with the same token
 * and key, and is told the same.
 * It is admitted at once, or waits for an operator, as the settings say. The payout goes to the token's account and
 * never moves: neither a key nor an external id changes hands.
 * @throws AppError `unauthenticated` for a token that is unknown or expired, `token-used`, `conflict` where the key,
 *   the name or the external id is somebody's already, or where there is no cluster to join, `bad-request` for a key that is none
 */
export async function enrolProvider(
  deps: EnrolDeps,
  body: EnrolBody,
  { externalId }: EnrolOptions = {},
): Promise<Enrolled> {
  const now = deps.clock.now();
  const publicKey = readKey(body.public_key);
  if (isNode(body.machine.runtime) && !deps.nodes)
    throw conflict("machine.runtime", "This broker has no Kubernetes cluster to join. Enrol with docker or process.");
  const { ringNode, ...enrolled } = await deps.db.transaction(async (tx) => {
    const tokenHash = hashToken(body.token);
    const token = await lockEnrolmentToken(tx, tokenHash);
    if (!token) throw badToken();
    if (externalId !== undefined) await refuseStranger(tx, externalId, token.account, publicKey);
    const known = await providerByKey(tx, publicKey);
    if (known) return enrolledBefore(tx, known, token, externalId, now);
    if (token.usedAt) throw new AppError("token-used", "This token has enrolled another machine already.");
    if (token.expiresAt <= now) throw badToken();
    const enrolled = await insert(deps, tx, body, { publicKey, owner: token.account, externalId, now });
    if (!enrolled) {
      const twin = await providerByKey(tx, publicKey); // the same machine, with another token, a moment ago
      if (twin) return enrolledBefore(tx, twin, token, externalId, now);
      if (externalId !== undefined) await refuseStranger(tx, externalId, token.account, publicKey);
      throw conflict("name", `The name ${body.name} is taken, perhaps by a machine that was removed. Choose another.`);
    }
    await markEnrolmentTokenUsed(tx, tokenHash, now);
    return enrolled;
  });
  await ringNode?.();
  return enrolled;
}

/** What a machine calls itself stays with the key and the owner that came with it first, even after its removal. */
async function refuseStranger(tx: Tx, externalId: string, owner: string, publicKey: string): Promise<void> {
  const known = await providerByExternalId(tx, externalId);
  if (known && (known.owner !== owner || known.publicKey !== publicKey))
    throw conflict("external_id", "This id belongs to another machine, and stays with it. Choose another.");
}

interface EnrolledNow extends Enrolled {
  /** for after the commit */
  readonly ringNode?: () => Promise<void>;
}

/** The machine is known: it is told who it is, where the token speaks for its owner. */
async function enrolledBefore(
  tx: Tx,
  known: ProviderRow,
  token: { tokenHash: string; account: string; usedAt: Date | null; expiresAt: Date },
  externalId: string | undefined,
  now: Date,
): Promise<EnrolledNow> {
  if (!token.usedAt && token.expiresAt <= now) throw badToken();
  if (known.owner !== token.account)
    throw conflict("public_key", "This machine is enrolled for another account; its key cannot move.");
  if (known.admission === "removed" || known.admission === "rejected")
    throw conflict("public_key", "This machine was removed. Make it a new key to enrol it again.");
  if (externalId !== undefined && known.externalId !== externalId) {
    if (known.externalId !== null) throw conflict("external_id", "This machine goes by another id already.");
    await updateProvider(tx, known.id, { externalId });
  }
  if (!token.usedAt) await markEnrolmentTokenUsed(tx, token.tokenHash, now);
  return { providerId: known.id, owner: known.owner };
}

/** @returns null where the name or the key is taken */
async function insert(
  deps: EnrolDeps,
  tx: Tx,
  body: EnrolBody,
  {
    publicKey,
    owner,
    externalId,
    now,
  }: { publicKey: string; owner: string; externalId: string | undefined; now: Date },
): Promise<EnrolledNow | null> {
  const { ids, settings } = deps;
  const providerId = ids.next("prov");
  const joins = isNode(body.machine.runtime);
  const automatic = settings.admission[joins ? "node" : "agent"] === "automatic";
  const inserted = await insertProvider(tx, {
    id: providerId,
    owner,
    name: body.name,
    region: body.region,
    host: body.host,
    publicKey,
    externalId: externalId ?? null,
    admission: automatic ? "approved" : "pending",
    reputation: REPUTATION_START,
    pricePerGpuHour: price("price_per_gpu_hour", body.price_per_gpu_hour),
    pricePerCpuHour: price("price_per_cpu_hour", body.price_per_cpu_hour),
    ...machineColumns(body.machine, body.agent_version),
    createdAt: now,
  });
  if (!inserted) return null;
  await upsertGpus(
    tx,
    body.machine.gpus.map((gpu) => ({ id: ids.next("gpu"), providerId, ...gpuColumns(gpu) })),
  );
  if (joins) await insertNode(tx, providerId, issuedNodeName(body.name, providerId));
  await recordReputation(tx, providerId, REPUTATION_START, "enrolled", now);
  await recomputeOffers(tx, providerId);
  await recordEvent(tx, {
    subject: providerId,
    code: "provider-enrolled",
    message: `${body.name} was enrolled with ${count(body.machine.gpus.length, "GPU")}${automatic ? "" : "; it waits for approval"}.`,
    data: { name: body.name, region: body.region, gpus: body.machine.gpus.length, owner, waits: !automatic },
    at: now,
  });
  return { providerId, owner, ringNode: await nodeRing(deps, tx, providerId, now) };
}

/** @returns the key, in the one form it is stored and compared in */
function readKey(text: string): string {
  try {
    const key = createPublicKey({ key: Buffer.from(text, "base64"), format: "der", type: "spki" });
    const canonical = key.export({ format: "der", type: "spki" }).toString("base64");
    if (key.asymmetricKeyType === "ed25519" && canonical === text) return text;
  } catch {
    // what is no key at all is refused like a key of another kind
  }
  throw refused("bad-request", "public_key", "an Ed25519 public key: SPKI DER, base64");
}

function price(field: string, text: string): bigint {
  const micros = parseMicros(text);
  if (micros === null || micros < 0n) throw refused("bad-request", field, "a decimal string with 6 places");
  return micros;
}

function badToken(): AppError {
  return new AppError("unauthenticated", "The enrolment token is unknown or expired. Make a new one.");
}

function conflict(field: string, message: string): AppError {
  return refused("conflict", field, message);
}

function refused(code: "bad-request" | "conflict", field: string, message: string): AppError {
  return new AppError(code, code === "conflict" ? message : `${field}: ${message}`, { fields: [{ field, message }] });
}

function count(n: number, thing: string): string {
  return n === 1 ? `1 ${thing}` : `${n} ${thing}s`;
}
