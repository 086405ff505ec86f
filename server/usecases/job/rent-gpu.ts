// Rent: rank unlocked, then try one candidate a transaction, under the locks of law 8.

import type { Principal } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import type { ExecutionId, JobId } from "../../../domain/ids.ts";
import type { RentWish } from "../../../domain/job/wish.ts";
import { priceOfHours } from "../../../domain/money/charge.ts";
import { formatMicros } from "../../../domain/money/micros.ts";
import type { Offer, PlacementWish } from "../../../domain/placement/filters.ts";
import { place, type Spot } from "../../../domain/placement/place.ts";
import { explain } from "../../../domain/placement/rank.ts";
import { latestEnd } from "../../../domain/provider/maintenance.ts";
import type { Db, Deps, Ssh, Tx } from "../../deps.ts";
import { recordEvent } from "../../repos/events.ts";
import { gpusOnNodes } from "../../repos/gpus.ts";
import { once, recall } from "../../repos/idempotency.ts";
import { insertJob } from "../../repos/jobs.ts";
import { addHold, lockBalance } from "../../repos/ledger.ts";
import { candidateOffers, explainOffers, recomputeOffers } from "../../repos/offers.ts";
import { holdGpus, lockProvider } from "../../repos/providers.ts";

export type RentDeps = Pick<Deps, "db" | "clock" | "ids" | "queue" | "secrets" | "ssh" | "settings">;

/** Keys of POST /jobs, whatever the kind: one key is one job. */
export const CREATE_JOB = "rent-gpu";

/** What a twin is told as well: it is stored with the idempotency key. */
export interface Rented {
  readonly jobId: JobId;
  readonly executionId: ExecutionId;
}

/** The key a customer chose, and the request it stands for. */
export interface Idempotency {
  readonly key: string | null;
  readonly request: unknown;
}

/** How many GPUs more an account may hold on nodes; exact where it is locked. */
export async function nodeGpusLeft(db: Db | Tx, settings: Deps["settings"], account: string | null): Promise<number> {
  const held = account === null ? 0 : await gpusOnNodes(db, account);
  return Math.max(0, settings.tenantMaxGpus - held);
}

export function placementWish(
  wish: RentWish,
  renter: Principal | null,
  now: Date,
  nodeGpusLeft: number,
): PlacementWish {
  const { providerId, gpuModel, minVramMb, gpuCount, cpuCores, memoryGb, diskGb, maxRate } = wish;
  const needsSandbox = renter?.via === "anonymous";
  const until = latestEnd(now, wish.hours);
  return {
    ...{ providerId, gpuModel, minVramMb, gpuCount, cpuCores, memoryGb, diskGb, maxRate },
    ...{ needsSandbox, until, nodeGpusLeft },
  };
}

/**
 * Rents in one atomic step: the job, its execution, the GPUs and the hold exist together or not at all.
 * @throws AppError `no-capacity` with what each filter removed, `insufficient-funds`, `idempotency-mismatch`
 */
export async function rentGpu(deps: RentDeps, renter: Principal, wish: RentWish, twin: Idempotency): Promise<Rented> {
  const { db, queue } = deps;
  const now = deps.clock.now();
  const placing = placementWish(wish, renter, now, await nodeGpusLeft(db, deps.settings, renter.account));
  // Before any lock: they take milliseconds that nobody should wait for.
  const [hostKey, doorKey] = [deps.ssh.newHostKey(), deps.ssh.newHostKey()];
  const attempt = { account: renter.account, operation: CREATE_JOB, key: twin.key, request: twin.request };
  for (const offer of await candidateOffers(db, placing)) {
    const rented = await once(db, attempt, now, (tx) =>
      tryOffer(deps, tx, { renter, wish, placing, hostKey, doorKey, now }, offer),
    );
    if (rented) {
      await queue.ring("execution.reconcile", { id: rented.executionId });
      return rented;
    }
  }
  const earlier = await recall<Rented>(db, attempt); // a twin may have taken the very last one
  if (earlier) return earlier;
  const { considered, removed } = await explainOffers(db, placing);
  throw new AppError("no-capacity", explain(removed, considered), { removed });
}

interface Renting {
  readonly renter: Principal;
  readonly wish: RentWish;
  readonly placing: PlacementWish;
  readonly hostKey: ReturnType<Ssh["newHostKey"]>;
  readonly doorKey: ReturnType<Ssh["newHostKey"]>;
  readonly now: Date;
}

async function tryOffer(deps: RentDeps, tx: Tx, renting: Renting, offer: Offer): Promise<Rented | null> {
  const { renter, wish, now } = renting;
  const balance = await lockBalance(tx, renter.account);
  const left = await nodeGpusLeft(tx, deps.settings, renter.account); // again: a twin may have been faster
  const placing = { ...renting.placing, nodeGpusLeft: left };
  const provider = await lockProvider(tx, offer.providerId);
  const spot = provider && place(placing, provider, offer.gpuModel);
  if (!provider || !spot) return null;
  const rented = await insertRental(deps, tx, renting, spot);
  await holdGpus(tx, spot.gpuIds, rented.executionId);
  const hold = priceOfHours(spot.rate, wish.hours);
  await addHold(tx, deps.ids, balance, {
    account: renter.account,
    jobId: rented.jobId,
    amount: hold,
    description: `Held for ${wish.hours} h at $${formatMicros(spot.rate)}/h`,
    at: now,
  });
  await recomputeOffers(tx, provider.id);
  await recordEvent(tx, {
    subject: rented.jobId,
    code: "rented",
    message: `Rented ${inWords(wish.gpuCount, spot.gpuModel, wish.cpuCores)} on ${provider.name} at $${formatMicros(spot.rate)}/h.`,
    data: {
      provider_id: provider.id,
      price_per_hour: formatMicros(spot.rate),
      held: formatMicros(hold),
      hours: wish.hours,
    },
    at: now,
  });
  return rented;
}

export function inWords(gpuCount: number, gpuModel: string | null, cpuCores: number): string {
  return gpuCount > 0 ? `${gpuCount} × ${gpuModel}` : `${cpuCores} cores`;
}

async function insertRental(deps: RentDeps, tx: Tx, renting: Renting, spot: Spot): Promise<Rented> {
  const jobId = deps.ids.next("job");
  const executionId = deps.ids.next("exec");
  const { renter, wish, hostKey, doorKey, now } = renting;
  const { cpuCores, memoryGb, diskGb } = wish;
  await insertJob(
    tx,
    {
      id: jobId,
      account: renter.account,
      kind: "rental",
      name: wish.name,
      executionId,
      pinned: wish.providerId !== null,
      anonymous: renter.via === "anonymous",
      gpuModel: spot.gpuModel,
      gpuCount: wish.gpuCount,
      cpuCores,
      memoryGb,
      diskGb,
      image: wish.image,
      template: wish.template,
      minVramMb: wish.minVramMb,
      hours: wish.hours,
      rate: spot.rate,
      sealedEnv: deps.secrets.seal(JSON.stringify(wish.env)),
      sshPublicKeys: wish.sshPublicKeys,
      sealedHostKey: deps.secrets.seal(hostKey.privateKey),
      hostKeyPublic: hostKey.publicKey,
      hostKeyFingerprint: hostKey.fingerprint,
      sealedDoorKey: deps.secrets.seal(doorKey.privateKey),
      doorKeyPublic: doorKey.publicKey,
      command: wish.command,
      httpPort: wish.httpPort,
      createdAt: now,
    },
    {
      id: executionId,
      jobId,
      providerId: spot.providerId,
      attempt: 1,
      desired: "run",
      status: "scheduled",
      cpuCores,
      memoryGb,
      diskGb,
      createdAt: now,
      nextReconcileAt: now,
    },
  );
  return { jobId, executionId };
}
