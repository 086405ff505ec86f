// Batch jobs whose right results are known, and what became of them.
import { sql } from "drizzle-orm";
import type { BatchExecutionView, BatchJobView } from "../../../protocol/batch.ts";
import type { Db } from "../../../server/deps.ts";
import { type Customer, insist } from "../customers.ts";
import { sha256sum } from "./played-runtime.ts";

const LOOK_EVERY_MS = 250;

/** Jobs by the id that was acknowledged, with the input whose `sha256sum` is right. */
export type Submitted = Map<string, { readonly customer: Customer; readonly input: string }>;

export interface BatchWish {
  /** idempotency key, name and input in one */
  readonly key: string;
  readonly timeoutSeconds: number;
  /** makes it unlike all others, so that nobody knows how long its runs take */
  readonly unlike?: boolean;
}

/** Submits until it is answered; the same key again is the same job. */
export async function submit(customer: Customer, wish: BatchWish, submitted: Submitted): Promise<void> {
  const { key, timeoutSeconds, unlike = false } = wish;
  const { id } = await insist(() =>
    customer.client.createJob({
      idempotencyKey: key,
      body: {
        ...{ kind: "batch", name: key, docker_image: "debian:12", input_data: key },
        command: unlike ? ["sh", "-c", "sha256sum", key] : ["sha256sum"],
        ...{ timeout_seconds: timeoutSeconds, queue_timeout: 3600 },
      },
    }),
  );
  submitted.set(id, { customer, input: key });
}

/** The job as its owner sees it. */
export async function batchJob({ client }: Customer, id: string): Promise<BatchJobView> {
  const job = await insist(() => client.getJob({ params: { id } }));
  if (job.kind !== "batch") throw new Error(`${id} is no batch job`);
  return job;
}

export async function panel({ client }: Customer, id: string): Promise<readonly BatchExecutionView[]> {
  return (await insist(() => client.listJobExecutions({ params: { id } }))).executions;
}

export const rightResult = (input: string): string => sha256sum(input);

/** @returns how many jobs of any purpose are not decided once none is, or after `withinMs` */
export async function undecidedWithin(db: Db, withinMs: number): Promise<number> {
  for (const deadlineMs = Date.now() + withinMs; ; ) {
    const [row] = await db.execute<{ left: number }>(
      sql`select count(*)::int as left from batch_jobs where decided_at is null`,
    );
    const left = row?.left ?? 0;
    if (left === 0 || Date.now() > deadlineMs) return left;
    await new Promise((wake) => setTimeout(wake, LOOK_EVERY_MS));
  }
}
