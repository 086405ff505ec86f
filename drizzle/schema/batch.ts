// Batch jobs, their executions and results, and what is known of providers from them. Written many rows a statement.
import { sql } from "drizzle-orm";
import {
  boolean,
  check,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  pgView,
  text,
  unique,
} from "drizzle-orm/pg-core";
import type { BatchEnd, BatchExecutionStatus } from "../../domain/execution/batch-state.ts";
import type {
  Assurance,
  BatchPurpose,
  BatchStatus,
  Comparator,
  Dispatch,
  PanelClass,
  Verdict,
} from "../../domain/job/batch.ts";
import type { ReasonCode } from "../../domain/job/reasons.ts";
import { accounts } from "./account.ts";
import { id, instant, micros } from "./columns.ts";
import { providers } from "./provider.ts";

export const batchJobs = pgTable(
  "batch_jobs",
  {
    id: id("job")("id").primaryKey(),
    /** whose it is; of the broker's own checks, whose job they are about */
    account: text("account")
      .notNull()
      .references(() => accounts.address),
    purpose: text("purpose").$type<BatchPurpose>().notNull(),
    /** the job that a check is about; null for a customer's own */
    about: id("job")("about"),
    /** what a canary must answer */
    expectedDigest: text("expected_digest"),
    anonymous: boolean("anonymous").notNull(),
    name: text("name").notNull(),
    description: text("description").notNull(),
    image: text("image").notNull(),
    command: jsonb("command").$type<readonly string[]>().notNull(),
    sealedEnv: text("sealed_env").notNull(),
    /** names of what is sealed: shown to its owner, and whether there are any decides about canaries */
    envNames: jsonb("env_names").$type<readonly string[]>().notNull().default([]),
    inputData: text("input_data").notNull(),
    cpuCores: integer("cpu_cores").notNull(),
    memoryGb: integer("memory_gb").notNull(),
    diskGb: integer("disk_gb").notNull(),
    gpuCount: integer("gpu_count").notNull(),
    gpuModel: text("gpu_model"),
    redundancy: integer("redundancy").notNull(),
    consensus: integer("consensus").notNull(),
    assurance: text("assurance").$type<Assurance>().notNull(),
    dispatch: text("dispatch").$type<Dispatch>().notNull(),
    comparator: jsonb("comparator").$type<Comparator>().notNull(),
    files: jsonb("files").$type<readonly string[]>().notNull(),
    network: boolean("network").notNull(),
    reusable: boolean("reusable").notNull(),
    timeoutSeconds: integer("timeout_seconds").notNull(),
    queueTimeoutSeconds: integer("queue_timeout_seconds").notNull(),
    /** decided by the first execution; null before */
    panelClass: text("panel_class").$type<PanelClass>(),
    /** micro-USD per hour: dearest rate of one execution, frozen */
    rate: micros("rate").notNull(),
    heldCash: micros("held_cash").notNull(),
    heldPromotion: micros("held_promotion").notNull(),
    takenCash: micros("taken_cash").notNull().default(sql`0`),
    takenPromotion: micros("taken_promotion").notNull().default(sql`0`),
    status: text("status").$type<BatchStatus>().notNull(),
    reason: text("reason").$type<ReasonCode>(),
    /** how many more executions it should get now; 0 where none */
    copiesWanted: integer("copies_wanted").notNull(),
    /** since when `copiesWanted` waits for machines; null while none is wanted */
    waitingSince: instant("waiting_since"),
    /** whether the next ones must be the providers with the most evidence */
    tied: boolean("tied").notNull().default(false),
    /** found no machine while others waited behind it: it is passed over until then */
    passedUntil: instant("passed_until"),
    /** whether it got a copy more than it needed because it ran long; once a job */
    hedged: boolean("hedged").notNull().default(false),
    /** distinct owner groups that could have been drawn, and before the customer's filters, at the first draw */
    poolGroups: integer("pool_groups"),
    poolGroupsUnfiltered: integer("pool_groups_unfiltered"),
    /** the timer: hedges, timeouts, the end of the queue; null where there is nothing to wait for */
    nextLookAt: instant("next_look_at"),
    verdict: jsonb("verdict").$type<Verdict>(),
    /** whose output is the job's result; null before, or where nothing was accepted */
    resultExecutionId: id("exec")("result_execution_id"),
    createdAt: instant("created_at").notNull(),
    startedAt: instant("started_at"),
    decidedAt: instant("decided_at"),
  },
  (t) => [
    index("batch_jobs_account").on(t.account, t.id),
    index("batch_jobs_undecided").on(t.account).where(sql`decided_at is null`),
    index("batch_jobs_due").on(t.nextLookAt).where(sql`next_look_at is not null`),
    index("batch_jobs_waiting").on(t.account, t.id).where(sql`copies_wanted > 0`),
    index("batch_jobs_about").on(t.about).where(sql`about is not null`),
    index("batch_jobs_decided").on(t.decidedAt).where(sql`decided_at is not null`),
    check(
      "batch_jobs_money",
      sql`${t.rate} >= 0 and ${t.heldCash} >= 0 and ${t.heldPromotion} >= 0 and ${t.takenCash} >= 0 and ${t.takenPromotion} >= 0`,
    ),
    check("batch_jobs_copies", sql`${t.copiesWanted} between 0 and 7`),
  ],
);

export const batchExecutions = pgTable(
  "batch_executions",
  {
    id: id("exec")("id").primaryKey(),
    jobId: id("job")("job_id")
      .notNull()
      .references(() => batchJobs.id),
    providerId: id("prov")("provider_id")
      .notNull()
      .references(() => providers.id),
    /** 1…7 in the order they were given out */
    number: integer("number").notNull(),
    /** at most one execution of a job for each */
    ownerGroup: text("owner_group").notNull(),
    /** whether its provider was proven when it was drawn */
    proven: boolean("proven").notNull(),
    /** micro-USD per hour, frozen: what its provider asks */
    rate: micros("rate").notNull(),
    status: text("status").$type<BatchExecutionStatus>().notNull(),
    cpuCores: integer("cpu_cores").notNull(),
    memoryGb: integer("memory_gb").notNull(),
    diskGb: integer("disk_gb").notNull(),
    createdAt: instant("created_at").notNull(),
    startedAt: instant("started_at"),
    endedAt: instant("ended_at"),
    /** when it is given up */
    deadlineAt: instant("deadline_at").notNull(),
    /** how long it ran as its agent measured, never more than we saw */
    runMs: integer("run_ms"),
    exitCode: integer("exit_code"),
    /** why it has no result to compare; null where it has */
    endCause: text("end_cause").$type<BatchEnd>(),
    detail: text("detail").notNull().default(""),
    /** what is compared: SHA-256 (hex) of the canonical manifest under the job's comparator */
    digest: text("digest"),
    /** SHA-256 (hex) of what was sent, as the agent reported it and the broker found it */
    resultHash: text("result_hash"),
    /** with the verdict or after it; null before, and for those without a result */
    vote: text("vote").$type<"agreed" | "disagreed">(),
    /** the weight that its vote had */
    weight: doublePrecision("weight"),
    /** micro-USD paid for it, before the fee */
    paid: micros("paid").notNull().default(sql`0`),
    /** `refunded`: the customer, who got it back */
    paidBy: text("paid_by").$type<"customer" | "verification" | "refunded">(),
  },
  (t) => [
    index("batch_executions_live").on(t.providerId).where(sql`status in ('scheduled','running')`),
    index("batch_executions_provider").on(t.providerId, t.id),
    unique("batch_executions_one_a_group").on(t.jobId, t.ownerGroup),
    unique("batch_executions_number").on(t.jobId, t.number),
  ],
);

/** What executions delivered, apart from their rows: large, written once, read seldom. */
export const batchResults = pgTable("batch_results", {
  executionId: id("exec")("execution_id")
    .primaryKey()
    .references(() => batchExecutions.id),
  stdout: text("stdout").notNull(),
  stderr: text("stderr").notNull(),
  /** path and content in base64, sorted by path */
  files: jsonb("files").$type<readonly { readonly path: string; readonly content: string }[]>().notNull(),
  /** of the agent's key over execution and hash, base64; "" from workers that have none */
  signature: text("signature").notNull(),
  at: instant("at").notNull(),
});

/** Verified history: what decisions are made from. Counts decay from `at` on. */
export const providerEvidence = pgTable("provider_evidence", {
  providerId: id("prov")("provider_id")
    .primaryKey()
    .references(() => providers.id),
  verified: doublePrecision("verified").notNull().default(0),
  bad: doublePrecision("bad").notNull().default(0),
  at: instant("at").notNull(),
  /** verified results in a row, undecayed, for people */
  streak: integer("streak").notNull().default(0),
  jobsRun: integer("jobs_run").notNull().default(0),
  jobsGood: integer("jobs_good").notNull().default(0),
  jobsFailed: integer("jobs_failed").notNull().default(0),
  /** infrastructure errors in a row: each halves how much it gets */
  errors: integer("errors").notNull().default(0),
  restingUntil: instant("resting_until"),
  quarantinedAt: instant("quarantined_at"),
  quarantineReason: text("quarantine_reason").notNull().default(""),
  /** executions up to this one were looked through for what must be verified again; null: there is nothing to look for */
  recallAfter: id("exec")("recall_after"),
});

/** What a provider's live executions of either kind hold: what is not here is free. */
export const holdings = pgView("holdings", {
  executionId: id("exec")("execution_id").notNull(),
  providerId: id("prov")("provider_id").notNull(),
  cpuCores: integer("cpu_cores").notNull(),
  memoryGb: integer("memory_gb").notNull(),
  diskGb: integer("disk_gb").notNull(),
}).as(sql`
  select id as execution_id, provider_id, cpu_cores, memory_gb, disk_gb from executions
  where status in ('scheduled','starting','running','unreachable','stopping')
  union all
  select id, provider_id, cpu_cores, memory_gb, disk_gb from batch_executions where status in ('scheduled','running')`);
