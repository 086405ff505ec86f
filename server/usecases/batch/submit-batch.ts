// A batch job is submitted: its price frozen, its money held, its row waiting for machines.
import type { Principal } from "../../../domain/account/principal.ts";
import type { JobId } from "../../../domain/ids.ts";
import { BATCH_DISK_GB, type BatchWish, quorumOf } from "../../../domain/job/batch.ts";
import { batchHold } from "../../../domain/money/batch-pay.ts";
import { formatMicros } from "../../../domain/money/micros.ts";
import type { Purse } from "../../../domain/money/purse.ts";
import type { BatchBody, BatchEstimateView, BatchJobView } from "../../../protocol/batch.ts";
import type { Deps, Tx } from "../../deps.ts";
import { batchPurse, holdForBatch } from "../../repos/batch-hold.ts";
import { type BatchRow, insertBatchJob, type NewBatchJob } from "../../repos/batch-jobs.ts";
import { recordEvent } from "../../repos/events.ts";
import { once, recall } from "../../repos/idempotency.ts";
import { lockBalance } from "../../repos/ledger.ts";
import { CREATE_JOB } from "../job/rent-gpu.ts";
import { notices } from "./batch-notices.ts";
import { offersFor, rateOfBatch } from "./batch-price.ts";
import { toBatchWish } from "./batch-wish.ts";
import { findBatch, toBatchViews } from "./get-batch.ts";
import { gpuLimitOf, refuseNeverWithin } from "./gpu-limit.ts";
import { refuseTooMany } from "./undecided.ts";

/** What a twin is told as well: it is stored with the idempotency key. */
interface Submitted {
  readonly jobId: JobId;
}

/** @throws AppError `bad-request`, `no-capacity` where nobody could ever run it, `insufficient-funds`, `limit-reached`, `idempotency-mismatch` */
export async function submitBatch(
  deps: Deps,
  customer: Principal,
  body: BatchBody,
  key: string | null,
): Promise<BatchJobView> {
  const wish = toBatchWish(body);
  const attempt = { account: customer.account, operation: CREATE_JOB, key, request: body };
  // A twin gets its answer whatever became of the market and the balance since.
  const earlier = await recall<Submitted>(deps.db, attempt);
  if (earlier) return viewOf(deps, customer, earlier.jobId);
  const now = deps.clock.now();
  const [rate] = await Promise.all([rateNow(deps, customer, body, wish, now), refuseTooMany(deps, customer.account)]);
  const made: { job?: BatchRow["job"] } = {};
  const submitted = await once<Submitted>(deps.db, attempt, now, async (tx) => {
    made.job = await submit(deps, tx, customer, wish, rate, now);
    return { jobId: made.job.id };
  });
  if (!submitted) throw new Error("a submit ended without a job");
  // What was written is known; only a twin's job must be looked up.
  if (made.job?.id !== submitted.jobId) return viewOf(deps, customer, submitted.jobId);
  const fresh = { job: made.job, result: null, executions: 0, refunded: "0" };
  const ringing = deps.queue.ring("batch.dispatch", {});
  const [[view]] = await Promise.all([toBatchViews(deps, customer.account, [fresh]), ringing]);
  if (!view) throw new Error("a job that was submitted has no view");
  return view;
}

/**
 * With a price limit of the customer's own the market need not be asked, the job waits for whoever meets it; but where one
 * run of it holds more GPUs than its account ever may.
 */
async function rateNow(
  deps: Pick<Deps, "db" | "settings">,
  customer: Principal,
  body: BatchBody,
  wish: BatchWish,
  now: Date,
): Promise<bigint> {
  if (wish.maxRate !== null && wish.gpuCount <= deps.settings.tenantMaxGpus) return wish.maxRate;
  const limit = await gpuLimitOf(deps, customer, wish);
  const offers = await offersFor(deps, customer, wish, limit, now);
  refuseNeverWithin(body, wish, limit, offers.fit);
  return rateOfBatch(wish, offers);
}

/** All statements of it but the lock are sent at once: they take one trip to the database. */
async function submit(
  { ids, secrets }: Pick<Deps, "ids" | "secrets">,
  tx: Tx,
  customer: Principal,
  wish: BatchWish,
  rate: bigint,
  now: Date,
): Promise<BatchRow["job"]> {
  const jobId = ids.next("job");
  const { account } = customer;
  const sealedEnv = secrets.seal(JSON.stringify(wish.env));
  const amount = batchHold(rate, wish.timeoutSeconds, wish.redundancy);
  const purse = batchPurse(await lockBalance(tx, account), amount);
  const terms = `${wish.redundancy} × ${wish.timeoutSeconds} s at $${formatMicros(rate)}/h`;
  const [job] = await Promise.all([
    insertBatchJob(tx, rowOf(wish, { id: jobId, customer, sealedEnv, rate, purse, now })),
    holdForBatch(tx, ids, { account, jobId, description: `Held for ${terms}`, at: now }, purse),
    recordEvent(tx, {
      subject: jobId,
      code: "submitted",
      message: `Submitted: ${quorumOf(wish) === 1 ? "one machine runs it" : `${quorumOf(wish)} owners have to agree`}. $${formatMicros(amount)} is set aside, ${terms}.`,
      data: { price_per_hour: formatMicros(rate), held: formatMicros(amount), quorum: quorumOf(wish) },
      at: now,
    }),
  ]);
  return job;
}

interface Terms {
  readonly id: JobId;
  readonly customer: Principal;
  readonly sealedEnv: string;
  readonly rate: bigint;
  readonly purse: Purse;
  readonly now: Date;
}

function rowOf(wish: BatchWish, { id, customer, sealedEnv, rate, purse, now }: Terms): NewBatchJob {
  const { env, maxRate: _, ...same } = wish;
  return {
    ...same,
    id,
    account: customer.account,
    purpose: "customer",
    anonymous: customer.via === "anonymous",
    sealedEnv,
    envNames: Object.keys(env),
    diskGb: BATCH_DISK_GB,
    rate,
    heldCash: purse.cash,
    heldPromotion: purse.promotion,
    status: "pending",
    copiesWanted: wish.dispatch === "eager" ? Math.max(wish.redundancy, quorumOf(wish)) : quorumOf(wish),
    waitingSince: now,
    nextLookAt: new Date(now.getTime() + wish.queueTimeoutSeconds * 1000),
    createdAt: now,
  };
}

async function viewOf(deps: Deps, customer: Principal, id: JobId): Promise<BatchJobView> {
  const view = await findBatch(deps, customer, id);
  if (!view) throw new Error(`the job ${id} was submitted, but is not there`);
  return view;
}

/**
 * What it would cost and whether there are machines for it, by the very functions that submit.
 * @throws AppError `bad-request`, `no-capacity` where nobody could ever run it and no max_price says what it may cost
 */
export async function estimateBatch(
  deps: Pick<Deps, "db" | "clock" | "settings">,
  customer: Principal | null,
  body: BatchBody,
): Promise<BatchEstimateView> {
  const wish = toBatchWish(body);
  const limit = await gpuLimitOf(deps, customer, wish);
  const offers = await offersFor(deps, customer, wish, limit, deps.clock.now());
  refuseNeverWithin(body, wish, limit, offers.fit);
  const rate = rateOfBatch(wish, offers);
  return {
    kind: "batch",
    price_per_hour: formatMicros(rate),
    hold: formatMicros(batchHold(rate, wish.timeoutSeconds, wish.redundancy)),
    owners: offers.owners,
    owners_free: offers.ownersFree,
    quorum: quorumOf(wish),
    notices: notices(wish, offers, limit),
  };
}
