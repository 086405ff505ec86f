// Enrolled machines, their GPUs, their signs of life, and the offers computed from them.
import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  real,
  text,
  unique,
  uniqueIndex,
} from "drizzle-orm/pg-core";
import type { Admission, AppealDecision, Drain, Presence, Runtime } from "../../domain/provider/state.ts";
import { accounts } from "./account.ts";
import { id, instant, micros } from "./columns.ts";

export const enrolmentTokens = pgTable("enrolment_tokens", {
  tokenHash: text("token_hash").primaryKey(),
  account: text("account")
    .notNull()
    .references(() => accounts.address),
  createdAt: instant("created_at").notNull(),
  expiresAt: instant("expires_at").notNull(),
  usedAt: instant("used_at"),
});

export const providers = pgTable(
  "providers",
  {
    id: id("prov")("id").primaryKey(),
    owner: text("owner")
      .notNull()
      .references(() => accounts.address),
    name: text("name").notNull().unique(),
    region: text("region").notNull(),
    /** the address that customers reach the machine on */
    host: text("host").notNull(),
    /** Ed25519 SPKI DER, base64 */
    publicKey: text("public_key").notNull().unique(),
    /** what the machine calls itself on the streams of the seed; kept once, never moved to another owner */
    externalId: text("external_id").unique(),
    admission: text("admission").$type<Admission>().notNull(),
    /** why it was rejected, suspended or removed; "" otherwise */
    admissionReason: text("admission_reason").notNull().default(""),
    drain: text("drain").$type<Drain>().notNull().default("none"),
    presence: text("presence").$type<Presence>().notNull().default("unseen"),
    offlineSince: instant("offline_since"),
    /** whether the present offline edge has cost its reputation already; false inside announced maintenance */
    offlinePenalised: boolean("offline_penalised").notNull().default(false),
    reputation: integer("reputation").notNull(),
    pricePerGpuHour: micros("price_per_gpu_hour").notNull(),
    pricePerCpuHour: micros("price_per_cpu_hour").notNull(),
    hostname: text("hostname").notNull(),
    os: text("os").notNull(),
    architecture: text("architecture").notNull(),
    /** addresses the machine has, as it reports them; never shown in public */
    addresses: jsonb("addresses").$type<readonly string[]>().notNull().default([]),
    cpuModel: text("cpu_model").notNull(),
    cpuCores: integer("cpu_cores").notNull(),
    memoryGb: integer("memory_gb").notNull(),
    diskGb: integer("disk_gb").notNull(),
    declared: boolean("declared").notNull(),
    sandboxed: boolean("sandboxed").notNull(),
    runtime: text("runtime").$type<Runtime>().notNull(),
    agentVersion: text("agent_version").notNull(),
    /** of the desired set; grows whenever what should run there changes */
    generation: integer("generation").notNull().default(0),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [
    index("providers_owner").on(t.owner, t.id),
    index("providers_admission").on(t.admission, t.id),
    check("providers_prices_positive", sql`${t.pricePerGpuHour} >= 0 and ${t.pricePerCpuHour} >= 0`),
    check("providers_reputation_bounds", sql`${t.reputation} between 0 and 1000`),
  ],
);

export const gpus = pgTable(
  "gpus",
  {
    id: id("gpu")("id").primaryKey(),
    providerId: id("prov")("provider_id")
      .notNull()
      .references(() => providers.id),
    index: integer("index").notNull(),
    uuid: text("uuid").notNull(),
    model: text("model").notNull(),
    vramMb: integer("vram_mb").notNull(),
    driver: text("driver"),
    declared: boolean("declared").notNull(),
    /** whether the last report still showed it */
    present: boolean("present").notNull().default(true),
    /** the one execution that holds it */
    executionId: id("exec")("execution_id"),
  },
  (t) => [unique("gpus_uuid_once").on(t.providerId, t.uuid), index("gpus_holder").on(t.executionId)],
);

/** Beats land here, in batches, so that they never touch the row that rents lock. */
export const providerPresence = pgTable("provider_presence", {
  providerId: id("prov")("provider_id")
    .primaryKey()
    .references(() => providers.id),
  lastSeenAt: instant("last_seen_at").notNull(),
  seq: bigint("seq", { mode: "number" }).notNull(),
  /** the executions of the last report */
  report: jsonb("report").notNull(),
  reportedGeneration: integer("reported_generation").notNull(),
  usage: jsonb("usage").notNull(),
  /** drawn by the agent at each start; the one before, so that two agents with one identity are noticed */
  instance: text("instance").notNull().default(""),
  instanceBefore: text("instance_before").notNull().default(""),
});

/** Times when a provider was out of reach, for its uptime. Open while `endedAt` is null. */
export const downtimes = pgTable(
  "downtimes",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    providerId: id("prov")("provider_id")
      .notNull()
      .references(() => providers.id),
    startedAt: instant("started_at").notNull(),
    endedAt: instant("ended_at"),
  },
  (t) => [
    index("downtimes_provider").on(t.providerId, t.startedAt),
    uniqueIndex("downtimes_one_open").on(t.providerId).where(sql`ended_at is null`),
  ],
);

/** Announced ahead: no new work that would reach into it, and silence inside it costs nothing. */
export const maintenanceWindows = pgTable(
  "maintenance_windows",
  {
    id: id("mnt")("id").primaryKey(),
    providerId: id("prov")("provider_id")
      .notNull()
      .references(() => providers.id),
    startsAt: instant("starts_at").notNull(),
    endsAt: instant("ends_at").notNull(),
    reason: text("reason").notNull(),
    announcedAt: instant("announced_at").notNull(),
    /** cancelled, or over and swept: it keeps no work away any more */
    closedAt: instant("closed_at"),
    cancelled: boolean("cancelled").notNull().default(false),
  },
  (t) => [
    index("maintenance_provider").on(t.providerId, t.startsAt),
    index("maintenance_open").on(t.startsAt).where(sql`closed_at is null`),
    check("maintenance_forwards", sql`${t.startsAt} < ${t.endsAt}`),
  ],
);

/** Usage once a minute, for a week. `gpus`: [{index, utilization_percent, memory_used_mb}]. */
export const providerSamples = pgTable(
  "provider_samples",
  {
    providerId: id("prov")("provider_id")
      .notNull()
      .references(() => providers.id),
    /** the whole minute */
    at: instant("at").notNull(),
    cpuPercent: real("cpu_percent").notNull(),
    memoryUsedMb: integer("memory_used_mb").notNull(),
    gpus: jsonb("gpus")
      .$type<readonly { index: number; utilization_percent: number; memory_used_mb: number }[]>()
      .notNull(),
  },
  (t) => [primaryKey({ columns: [t.providerId, t.at] }), index("provider_samples_age").on(t.at)],
);

/** The node side of a provider that joins the cluster: what it was issued, and what the cluster shows of it. */
export const providerNodes = pgTable(
  "provider_nodes",
  {
    providerId: id("prov")("provider_id")
      .primaryKey()
      .references(() => providers.id),
    /** issued by us; the only name whose certificate is approved */
    nodeName: text("node_name").notNull().unique(),
    /** the bootstrap token's public half; null where none is out */
    tokenId: text("token_id"),
    sealedToken: text("sealed_token"),
    tokenExpiresAt: instant("token_expires_at"),
    caHash: text("ca_hash"),
    apiServer: text("api_server"),
    /** the token whose answer went out on the provider's stream */
    answeredTokenId: text("answered_token_id"),
    /** the certificate request that was approved */
    csrName: text("csr_name"),
    /** of the Node that carries our marks; another one under the same name is a stranger */
    nodeUid: text("node_uid"),
    /** null where no such node is seen */
    ready: boolean("ready"),
    readySince: instant("ready_since"),
    allocatableGpus: integer("allocatable_gpus"),
    allocatableCpu: integer("allocatable_cpu"),
    allocatableMemoryMb: integer("allocatable_memory_mb"),
    kubeletVersion: text("kubelet_version"),
    /** what the labels and the taint said last; a change is written to the node */
    marksWritten: text("marks_written"),
    seenAt: instant("seen_at"),
    nextReconcileAt: instant("next_reconcile_at"),
    reconcileAttempts: integer("reconcile_attempts").notNull().default(0),
  },
  (t) => [index("provider_nodes_due").on(t.nextReconcileAt).where(sql`next_reconcile_at is not null`)],
);

/** One row: the unbroken span in which some web listened. */
export const listening = pgTable(
  "listening",
  { one: integer("one").primaryKey(), since: instant("since").notNull(), until: instant("until").notNull() },
  (t) => [check("listening_one", sql`${t.one} = 1`)],
);

/** Reputation is a ledger; each row has the delta that was really applied. */
export const reputationEvents = pgTable(
  "reputation_events",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    providerId: id("prov")("provider_id")
      .notNull()
      .references(() => providers.id),
    delta: integer("delta").notNull(),
    reason: text("reason").notNull(),
    /** the batch job that it is about; null where it is about none */
    jobId: id("job")("job_id"),
    at: instant("at").notNull(),
  },
  (t) => [index("reputation_events_provider").on(t.providerId, t.id)],
);

/** One appeal a reputation event, decided by an operator. */
export const appeals = pgTable(
  "appeals",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    reputationEventId: bigint("reputation_event_id", { mode: "number" })
      .notNull()
      .unique()
      .references(() => reputationEvents.id),
    providerId: id("prov")("provider_id")
      .notNull()
      .references(() => providers.id),
    text: text("text").notNull(),
    at: instant("at").notNull(),
    decision: text("decision").$type<AppealDecision>(),
    reply: text("reply"),
    decidedAt: instant("decided_at"),
    decidedBy: text("decided_by"),
  },
  (t) => [index("appeals_open").on(t.id).where(sql`decision is null`), index("appeals_provider").on(t.providerId)],
);

/** What should run on an agent's machine now. The spec is sealed: it carries keys and environment. */
export const desiredExecutions = pgTable(
  "desired_executions",
  {
    executionId: id("exec")("execution_id").primaryKey(),
    providerId: id("prov")("provider_id")
      .notNull()
      .references(() => providers.id),
    sealedSpec: text("sealed_spec").notNull(),
  },
  (t) => [index("desired_executions_provider").on(t.providerId)],
);

/** (provider, GPU model), or cores only where the model is empty. Recomputed, never incremented. */
export const offers = pgTable(
  "offers",
  {
    providerId: id("prov")("provider_id")
      .notNull()
      .references(() => providers.id),
    /** "" for cores only */
    gpuModel: text("gpu_model").notNull(),
    providerName: text("provider_name").notNull(),
    vramMb: integer("vram_mb").notNull(),
    totalGpus: integer("total_gpus").notNull(),
    freeGpus: integer("free_gpus").notNull(),
    inUseGpus: integer("in_use_gpus").notNull(),
    freeCpuCores: integer("free_cpu_cores").notNull(),
    freeMemoryGb: integer("free_memory_gb").notNull(),
    freeDiskGb: integer("free_disk_gb").notNull(),
    region: text("region").notNull(),
    reputation: integer("reputation").notNull(),
    available: boolean("available").notNull(),
    admission: text("admission").$type<Admission>().notNull(),
    presence: text("presence").$type<Presence>().notNull(),
    drain: text("drain").$type<Drain>().notNull().default("none"),
    /** start of the next announced maintenance (past while inside it): no work may reach beyond it */
    busyFrom: instant("busy_from"),
    offlineSince: instant("offline_since"),
    declared: boolean("declared").notNull(),
    sandboxed: boolean("sandboxed").notNull(),
    runtime: text("runtime").$type<Runtime>().notNull(),
    pricePerGpuHour: micros("price_per_gpu_hour").notNull(),
    pricePerCpuHour: micros("price_per_cpu_hour").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.providerId, t.gpuModel] }),
    index("offers_price").on(t.gpuModel, t.pricePerGpuHour, t.providerId),
    index("offers_free").on(t.available, t.pricePerGpuHour),
    check(
      "offers_counts",
      sql`${t.freeGpus} >= 0 and ${t.inUseGpus} >= 0 and ${t.freeGpus} + ${t.inUseGpus} <= ${t.totalGpus}`,
    ),
  ],
);
