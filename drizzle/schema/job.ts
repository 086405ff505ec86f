// What customers asked for, its runs, and the money set aside for it.
import { sql } from "drizzle-orm";
import { bigint, boolean, check, index, integer, jsonb, pgTable, primaryKey, text } from "drizzle-orm/pg-core";
import type { EndCause } from "../../domain/execution/spec.ts";
import type { ExecutionStatus } from "../../domain/execution/state.ts";
import type { ReasonCode } from "../../domain/job/reasons.ts";
import { accounts } from "./account.ts";
import { id, instant, micros } from "./columns.ts";
import { providers } from "./provider.ts";
import { templates } from "./template.ts";

export const jobs = pgTable(
  "jobs",
  {
    id: id("job")("id").primaryKey(),
    account: text("account")
      .notNull()
      .references(() => accounts.address),
    kind: text("kind").$type<"rental">().notNull(),
    name: text("name").notNull(),
    /** the newest execution; earlier ones failed before running */
    executionId: id("exec")("execution_id").notNull(),
    /** the wish named this provider: it is never placed elsewhere */
    pinned: boolean("pinned").notNull(),
    anonymous: boolean("anonymous").notNull(),
    gpuModel: text("gpu_model"),
    gpuCount: integer("gpu_count").notNull(),
    cpuCores: integer("cpu_cores").notNull(),
    memoryGb: integer("memory_gb").notNull(),
    diskGb: integer("disk_gb").notNull(),
    image: text("image").notNull(),
    /** what it was rented with; null for an image of the customer's own */
    template: text("template").references(() => templates.slug),
    /** least VRAM of each GPU, as the template asked when it was rented */
    minVramMb: integer("min_vram_mb").notNull().default(0),
    hours: integer("hours").notNull(),
    /** micro-USD per hour, frozen */
    rate: micros("rate").notNull(),
    sealedEnv: text("sealed_env").notNull(),
    sshPublicKeys: jsonb("ssh_public_keys").$type<readonly string[]>().notNull(),
    sealedHostKey: text("sealed_host_key").notNull(),
    hostKeyPublic: text("host_key_public").notNull(),
    hostKeyFingerprint: text("host_key_fingerprint").notNull(),
    /** the broker's own key to machines with an agent: web terminal and ports; null on jobs from before there was one */
    sealedDoorKey: text("sealed_door_key"),
    doorKeyPublic: text("door_key_public"),
    /** runs beside SSH, as the template said when it was rented; null for nothing */
    command: jsonb("command").$type<readonly string[]>(),
    /** the one port that is served to its owner at a host of its own; null for none */
    httpPort: integer("http_port"),
    /** minutes before the end that were warned about already */
    warnedMinutes: integer("warned_minutes"),
    reason: text("reason").$type<ReasonCode>(),
    createdAt: instant("created_at").notNull(),
    /** when the job got its end and its money was settled */
    settledAt: instant("settled_at"),
  },
  (t) => [
    index("jobs_account").on(t.account, t.id),
    check("jobs_hours", sql`${t.hours} between 1 and 720`),
    check("jobs_rate", sql`${t.rate} >= 0`),
    check("jobs_http_port", sql`${t.httpPort} between 1 and 65535`),
  ],
);

export const executions = pgTable(
  "executions",
  {
    id: id("exec")("id").primaryKey(),
    jobId: id("job")("job_id")
      .notNull()
      .references(() => jobs.id),
    providerId: id("prov")("provider_id")
      .notNull()
      .references(() => providers.id),
    attempt: integer("attempt").notNull(),
    /** guards every write: zero rows written means that somebody was faster */
    version: integer("version").notNull().default(0),
    // desired
    desired: text("desired").$type<"run" | "stop">().notNull(),
    stopReason: text("stop_reason").$type<ReasonCode>(),
    stopRequestedAt: instant("stop_requested_at"),
    // observed
    status: text("status").$type<ExecutionStatus>().notNull(),
    endpointHost: text("endpoint_host"),
    endpointPort: integer("endpoint_port"),
    endpointUser: text("endpoint_user"),
    exitCode: integer("exit_code"),
    endCause: text("end_cause").$type<EndCause>(),
    reason: text("reason").$type<ReasonCode>(),
    // what it holds besides GPUs
    cpuCores: integer("cpu_cores").notNull(),
    memoryGb: integer("memory_gb").notNull(),
    diskGb: integer("disk_gb").notNull(),
    // when
    createdAt: instant("created_at").notNull(),
    appliedAt: instant("applied_at"),
    startedAt: instant("started_at"),
    expiresAt: instant("expires_at"),
    unreachableSince: instant("unreachable_since"),
    outageMs: bigint("outage_ms", { mode: "number" }).notNull().default(0),
    /** the end of what is billed */
    endedAt: instant("ended_at"),
    /** false until the end's money and, where it may be placed again, the next attempt are done */
    settled: boolean("settled").notNull().default(false),
    /** the outbox and the timer in one; null where there is nothing left to do */
    nextReconcileAt: instant("next_reconcile_at"),
    reconcileAttempts: integer("reconcile_attempts").notNull().default(0),
  },
  (t) => [
    index("executions_due").on(t.nextReconcileAt).where(sql`next_reconcile_at is not null`),
    index("executions_job").on(t.jobId),
    index("executions_live")
      .on(t.providerId)
      .where(sql`status in ('scheduled','starting','running','unreachable','stopping')`),
  ],
);

/** What is set aside for a job, and what of it was taken. */
export const holds = pgTable(
  "holds",
  {
    id: id("hold")("id").primaryKey(),
    jobId: id("job")("job_id")
      .notNull()
      .unique()
      .references(() => jobs.id),
    account: text("account").notNull(),
    heldCash: micros("held_cash").notNull(),
    heldPromotion: micros("held_promotion").notNull(),
    takenCash: micros("taken_cash").notNull().default(sql`0`),
    takenPromotion: micros("taken_promotion").notNull().default(sql`0`),
    releasedAt: instant("released_at"),
  },
  (t) => [
    check(
      "holds_positive",
      sql`${t.heldCash} >= 0 and ${t.heldPromotion} >= 0 and ${t.takenCash} >= 0 and ${t.takenPromotion} >= 0`,
    ),
  ],
);

/**
 * What executions wrote, where nobody else keeps it: agents send theirs, and of pods the end is kept when they go. The
 * text of one execution is one stream of characters; a part begins where the part before ended, or later where some
 * was lost. The oldest go first.
 */
export const executionLogs = pgTable(
  "execution_logs",
  {
    executionId: id("exec")("execution_id")
      .notNull()
      .references(() => executions.id),
    /** of its first character in the whole */
    start: bigint("start", { mode: "number" }).notNull(),
    text: text("text").notNull(),
    at: instant("at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.executionId, t.start] })],
);

/** Who may come to a job's HTTP port: a ticket is good for one visit within a minute, a session is its cookie. */
export const portGrants = pgTable(
  "port_grants",
  {
    /** SHA-256 of the secret, lower-case hex */
    hash: text("hash").primaryKey(),
    kind: text("kind").$type<"ticket" | "session">().notNull(),
    jobId: id("job")("job_id")
      .notNull()
      .references(() => jobs.id),
    expiresAt: instant("expires_at").notNull(),
  },
  (t) => [index("port_grants_expiry").on(t.expiresAt)],
);
