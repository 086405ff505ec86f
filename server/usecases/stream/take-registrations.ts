// Registrations from the stream: each becomes the very enrolment that HTTP knows, once, and is answered.
import { walletPrincipal } from "../../../domain/account/principal.ts";
import { isAppError } from "../../../domain/errors.ts";
import { providerStatus } from "../../../domain/provider/state.ts";
import { REGISTRATION_STREAM, type StreamRefusal, StreamRegistration } from "../../../protocol/streams.ts";
import { lockEnrolmentToken } from "../../repos/enrolment.ts";
import { forgetAnswer, machinesByName, type StreamMachine } from "../../repos/stream.ts";
import { openAccount } from "../account/open-account.ts";
import { createEnrolmentToken, hashToken } from "../provider/create-enrolment-token.ts";
import { enrolProvider } from "../provider/enrol-provider.ts";
import { hear } from "./hear.ts";
import {
  type Message,
  type Outcome,
  plainResponse,
  Refused,
  readMessage,
  refusedOutcome,
  type StreamDeps,
  type StreamEntry,
} from "./message.ts";
import { forged, isSignedBy, keyOfNobody, provenBy, unsigned } from "./proof.ts";
import { enrolmentOf } from "./registration.ts";

interface Met {
  readonly message: Message<StreamRegistration>;
  readonly machine: StreamMachine;
  /** false where it was enrolled just now */
  readonly before: boolean;
}

/**
 * Takes registrations in their order. Safe to run twice with the same entries: an applied one gives the same answer.
 * @returns an outcome for each entry
 * @throws where one could not be decided, such as while the database is away: nothing may be acknowledged then
 */
export async function takeRegistrations(deps: StreamDeps, entries: readonly StreamEntry[]): Promise<Outcome[]> {
  const outcomes = new Map<string, Outcome>();
  const met: Met[] = [];
  for (const entry of entries) {
    try {
      met.push(await meet(deps, readMessage(StreamRegistration, entry)));
    } catch (error) {
      outcomes.set(entry.id, refusedOutcome(entry.id, error));
    }
  }
  const heard = await hear(
    deps,
    met.map(({ message, machine }) => ({ message, machine, usage: {} })),
  );
  for (const { message, machine, before } of met) {
    const { id } = message.entry;
    const said = heard.get(id);
    if (said instanceof Refused) {
      outcomes.set(id, refusedOutcome(id, said));
      continue;
    }
    if (before) await forgetAnswer(deps.db, machine.id);
    const status = providerStatus(machine.admission, machine.presence, machine.drain);
    const data = plainResponse(true, status, sayStatus(status, before));
    outcomes.set(id, { id, response: { to: message.data.provider_id, data } });
  }
  return entries.map(({ id }) => outcomes.get(id) ?? { id });
}

/** @throws Refused */
async function meet(deps: StreamDeps, message: Message<StreamRegistration>): Promise<Met> {
  const { provider_id: name } = message.data;
  const known = (await machinesByName(deps.db, [name])).get(name);
  if (known) {
    greet(deps, message, known);
    return { message, machine: known, before: true };
  }
  await enrol(deps, message);
  const machine = (await machinesByName(deps.db, [name])).get(name);
  if (!machine) throw new Error(`${name} was enrolled and is not there`);
  return { message, machine, before: false };
}

/** Somebody comes by a name for the first time. */
async function enrol(deps: StreamDeps, message: Message<StreamRegistration>): Promise<void> {
  const { data } = message;
  const name = data.provider_id;
  if (!deps.nodes)
    throw new Refused("no-cluster", "This broker has no Kubernetes cluster to join. Enrol with berth-agent.", name);
  if (message.signature === null) return enrolUnsigned(deps, message);
  const { token, public_key: publicKey } = data;
  if (!publicKey) throw new Refused("malformed", "public_key: is missing", name);
  if (!isSignedBy(REGISTRATION_STREAM, message, publicKey)) throw forged(name);
  if (!token) throw new Refused("bad-token", "token: is missing; make one on the provider page", name);
  const owner = await ownerOf(deps, token);
  if (owner === null)
    throw new Refused("bad-token", "The enrolment token is unknown or expired. Make a new one.", name);
  if (owner !== data.wallet_addr)
    throw new Refused("other-owner", "wallet_addr: is not the account that the token was made for", name);
  const body = enrolmentOf(data, { token, publicKey });
  await refusing(name, () => enrolProvider(deps, body, { externalId: name }));
}

/** Where the operator allows it: nobody proved anything, so the machine waits for an operator whatever the rule is. */
async function enrolUnsigned(deps: StreamDeps, { data }: Message<StreamRegistration>): Promise<void> {
  const name = data.provider_id;
  if (!deps.settings.allowUnsignedStreams || data.public_key || data.token) throw unsigned(name);
  const { clock, db, settings } = deps;
  const body = enrolmentOf(data, { token: "not yet made, until it is", publicKey: keyOfNobody(name) });
  await db.transaction((tx) => openAccount(deps, tx, data.wallet_addr, clock.now()));
  const { token } = await createEnrolmentToken(deps, walletPrincipal(data.wallet_addr));
  const waiting = { ...deps, settings: { ...settings, admission: { agent: "manual", node: "manual" } } } as const;
  await refusing(name, () => enrolProvider(waiting, { ...body, token }, { externalId: name }));
}

/** A machine that is known: told how it stands. Its owner, its key and its price stay what they are. */
function greet(deps: StreamDeps, message: Message<StreamRegistration>, known: StreamMachine): void {
  const { provider_id: name, wallet_addr: wallet } = message.data;
  if (wallet !== known.owner)
    throw new Refused("other-owner", "provider_id: is another account's, for ever. Choose another.", name);
  provenBy(deps, REGISTRATION_STREAM, message, known);
  if (known.admission === "removed" || known.admission === "rejected")
    throw new Refused("turned-away", `This machine was ${known.admission}.`, name, known.admission);
}

async function ownerOf({ db }: StreamDeps, token: string): Promise<string | null> {
  const row = await db.transaction((tx) => lockEnrolmentToken(tx, hashToken(token)));
  return row?.account ?? null;
}

const REFUSED_AS: Readonly<Record<string, StreamRefusal | undefined>> = {
  unauthenticated: "bad-token",
  "token-used": "bad-token",
  conflict: "conflict",
  "bad-request": "malformed",
};

/** A refusal of the enrolment is one of the message. */
async function refusing(name: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const reason = isAppError(error) ? REFUSED_AS[error.code] : undefined;
    if (reason === undefined || !isAppError(error)) throw error;
    throw new Refused(reason, error.message, name);
  }
}

function sayStatus(status: string, before: boolean): string {
  const begin = before ? "Registered before; nothing was changed. " : "Registered. ";
  switch (status) {
    case "pending":
      return `${begin}An operator decides; the join command follows on this stream.`;
    case "approved":
      return `${begin}The join command follows on this stream.`;
    default:
      return `${begin}The machine is ${status}.`;
  }
}
