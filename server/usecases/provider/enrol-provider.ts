// A machine enrols: its key, its owner's token, and what it is.
import { createPublicKey } from "node:crypto";
import type { z } from "zod";
import { AppError } from "../../../domain/errors.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import { parseMicros } from "../../../domain/money/micros.ts";
import { REPUTATION_START } from "../../../domain/provider/state.ts";
import type { Enrol } from "../../../protocol/agent.ts";
import type { Deps, Tx } from "../../deps.ts";
import { lockEnrolmentToken, markEnrolmentTokenUsed } from "../../repos/enrolment.ts";
import { recordEvent } from "../../repos/events.ts";
import { upsertGpus } from "../../repos/gpus.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { insertProvider, type ProviderRow, providerByKey } from "../../repos/providers.ts";
import { recordReputation } from "../../repos/reputation.ts";
import { hashToken } from "./create-enrolment-token.ts";
import { gpuColumns, machineColumns } from "./inventory.ts";

type EnrolBody = z.infer<typeof Enrol>;
type EnrolDeps = Pick<Deps, "db" | "clock" | "ids">;

export interface Enrolled {
  readonly providerId: ProviderId;
  readonly owner: string;
}

/**
 * Enrols a machine for the account of its token. A machine whose first answer was lost asks again with the same token
 * and key, and is told the same.
 * @throws AppError `unauthenticated` for a token that is unknown or expired, `token-used`, `conflict` where the key or
 *   the name is somebody's already, `bad-request` for a key that is none
 */
export async function enrolProvider(deps: EnrolDeps, body: EnrolBody): Promise<Enrolled> {
  const now = deps.clock.now();
  const publicKey = readKey(body.public_key);
  return deps.db.transaction(async (tx) => {
    const tokenHash = hashToken(body.token);
    const token = await lockEnrolmentToken(tx, tokenHash);
    if (!token) throw badToken();
    const known = await providerByKey(tx, publicKey);
    if (known) return enrolledBefore(tx, known, token, now);
    if (token.usedAt) throw new AppError("token-used", "This token has enrolled another machine already.");
    if (token.expiresAt <= now) throw badToken();
    const enrolled = await insert(deps, tx, body, publicKey, token.account, now);
    if (!enrolled) {
      const twin = await providerByKey(tx, publicKey); // the same machine, with another token, a moment ago
      if (twin) return enrolledBefore(tx, twin, token, now);
      throw conflict("name", `The name ${body.name} is taken.`);
    }
    await markEnrolmentTokenUsed(tx, tokenHash, now);
    return enrolled;
  });
}

/** The machine is known: it is told who it is, where the token speaks for its owner. */
async function enrolledBefore(
  tx: Tx,
  known: ProviderRow,
  token: { tokenHash: string; account: string; usedAt: Date | null; expiresAt: Date },
  now: Date,
): Promise<Enrolled> {
  if (!token.usedAt && token.expiresAt <= now) throw badToken();
  if (known.owner !== token.account)
    throw conflict("public_key", "This machine is enrolled for another account; its key cannot move.");
  if (known.admission === "removed" || known.admission === "rejected")
    throw conflict("public_key", "This machine was removed. Make it a new key to enrol it again.");
  if (!token.usedAt) await markEnrolmentTokenUsed(tx, token.tokenHash, now);
  return { providerId: known.id, owner: known.owner };
}

/** @returns null where the name or the key is taken */
async function insert(
  { ids }: EnrolDeps,
  tx: Tx,
  body: EnrolBody,
  publicKey: string,
  owner: string,
  now: Date,
): Promise<Enrolled | null> {
  const providerId = ids.next("prov");
  const inserted = await insertProvider(tx, {
    id: providerId,
    owner,
    name: body.name,
    region: body.region,
    host: body.host,
    publicKey,
    admission: "approved",
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
  await recordReputation(tx, providerId, REPUTATION_START, "enrolled", now);
  await recomputeOffers(tx, providerId);
  await recordEvent(tx, {
    subject: providerId,
    code: "provider-enrolled",
    message: `${body.name} was enrolled with ${count(body.machine.gpus.length, "GPU")}.`,
    data: { name: body.name, region: body.region, gpus: body.machine.gpus.length, owner },
    at: now,
  });
  return { providerId, owner };
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
