// A third-party worker says what it is: it becomes a provider of batch jobs, or says it again.
import type { Principal } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import { BATCH_DISK_GB } from "../../../domain/job/batch.ts";
import { REPUTATION_START } from "../../../domain/provider/state.ts";
import type { NetworkNodeView } from "../../../protocol/node-views.ts";
import type { RegisterBody } from "../../../protocol/operations/node.ts";
import type { Deps, Tx } from "../../deps.ts";
import { lockOrCreateAccount } from "../../repos/accounts.ts";
import { recordEvent } from "../../repos/events.ts";
import { countWorkers, noteSeen, putWorker, workerOf } from "../../repos/external-workers.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { insertProvider, lockProviderRow, type NewProvider, updateProvider } from "../../repos/providers.ts";
import { recordReputation } from "../../repos/reputation.ts";
import { writePresenceEdge } from "../provider/presence-edge.ts";
import { keyOfNobody } from "../stream/proof.ts";
import { slug } from "../stream/registration.ts";
import { getNode } from "./list-nodes.ts";
import { ownerOf, refuseRemoved, withAddress } from "./own-worker.ts";

const MOST_WORKERS = 1000;
const MOST_NAME = 63;

type RegisterDeps = Pick<Deps, "db" | "clock" | "ids" | "queue" | "settings">;

/**
 * Upserts by account and node id: reputation, price and the time of the first registration stay.
 * @param address of whoever calls; null where it is not known
 * @throws AppError `forbidden` where it was removed, `limit-reached`
 */
export async function registerNode(
  deps: RegisterDeps,
  principal: Principal,
  body: RegisterBody,
  address: string | null,
): Promise<NetworkNodeView> {
  const { db, clock, queue } = deps;
  const now = clock.now();
  const owner = ownerOf(principal, body.id);
  const providerId = await db.transaction(async (tx) => {
    await lockOrCreateAccount(tx, owner, now);
    const known = await workerOf(tx, owner, body.id);
    if (known) refuseRemoved(known.provider);
    const id = known?.provider.id ?? (await enrol(deps, tx, owner, body, address, now));
    const region = body.region || "unknown";
    const provider = await lockProviderRow(tx, id);
    if (!provider) throw new Error("a worker without its provider");
    await updateProvider(tx, id, {
      ...machineOf(body, address, provider.addresses),
      region: slug(region, 32) || "unknown",
    });
    await putWorker(tx, {
      ...{ providerId: id, owner, nodeId: body.id, name: body.name, region },
      ...{ gpuEnabled: body.gpu_enabled ?? false, gpuModel: body.gpu_model ?? "" },
    });
    await noteSeen(tx, id, now);
    const facts = { now, silentSince: null, message: `${provider.name} is online.` };
    if ((await writePresenceEdge(tx, provider, "cleanReport", facts)) === null) await recomputeOffers(tx, id);
    return id;
  });
  await queue.ring("batch.dispatch", {});
  return getNode(deps, principal, providerId);
}

/** What can change from one registration to the next. */
function machineOf(body: RegisterBody, address: string | null, calledFrom: readonly string[]) {
  return {
    cpuCores: body.cpu_cores,
    memoryGb: body.memory_gb,
    host: address ?? "",
    addresses: [...withAddress(calledFrom, address)],
  } satisfies Partial<NewProvider>;
}

async function enrol(
  { ids, settings }: RegisterDeps,
  tx: Tx,
  owner: string,
  body: RegisterBody,
  address: string | null,
  now: Date,
): Promise<ProviderId> {
  if ((await countWorkers(tx, owner)) >= MOST_WORKERS)
    throw new AppError(
      "limit-reached",
      `An account has at most ${MOST_WORKERS} third-party workers. Remove those that are gone, and give each machine an id that stays (WORKER_ID).`,
    );
  const id = ids.next("prov");
  const automatic = settings.admission.agent === "automatic";
  const provider: Omit<NewProvider, "name"> = {
    ...machineOf(body, address, []),
    id,
    owner,
    region: "unknown",
    publicKey: keyOfNobody(id),
    admission: automatic ? "approved" : "pending",
    reputation: REPUTATION_START,
    // A worker of the seed names no price; its owner sets one like that of any other machine.
    pricePerGpuHour: 0n,
    pricePerCpuHour: 0n,
    // What it calls itself proves nothing about which machine it is.
    hostname: id,
    os: "unknown",
    architecture: "unknown",
    cpuModel: "",
    // It runs one job after the other: room for the scratch space of one keeps a second away.
    diskGb: BATCH_DISK_GB,
    declared: true,
    sandboxed: true, // it runs containers
    runtime: "external",
    agentVersion: "external",
    createdAt: now,
  };
  const name = slug(body.name, MOST_NAME) || "worker";
  const unique = `${name.slice(0, MOST_NAME - 9)}-${id.slice(-8)}`;
  if (!(await insertProvider(tx, { ...provider, name })) && !(await insertProvider(tx, { ...provider, name: unique })))
    throw new Error("a name with an id in it is taken");
  await recordReputation(tx, id, REPUTATION_START, "enrolled", now);
  await recordEvent(tx, {
    subject: id,
    code: "provider-enrolled",
    message: `${body.name} registered itself as ${body.id}${automatic ? "" : "; it waits for approval"}.`,
    data: { name: body.name, region: body.region ?? "", gpus: 0, owner, waits: !automatic },
    at: now,
  });
  return id;
}
