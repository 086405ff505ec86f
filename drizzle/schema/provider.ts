// Enrolled machines, their GPUs, their signs of life, and the offers computed from them.
import { sql } from "drizzle-orm";
import { bigint, boolean, check, index, integer, jsonb, pgTable, primaryKey, text, unique } from "drizzle-orm/pg-core";
import type { Admission, Presence, Runtime } from "../../domain/provider/state.ts";
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
    admission: text("admission").$type<Admission>().notNull(),
    presence: text("presence").$type<Presence>().notNull().default("unseen"),
    offlineSince: instant("offline_since"),
    reputation: integer("reputation").notNull(),
    pricePerGpuHour: micros("price_per_gpu_hour").notNull(),
    pricePerCpuHour: micros("price_per_cpu_hour").notNull(),
    hostname: text("hostname").notNull(),
    os: text("os").notNull(),
    architecture: text("architecture").notNull(),
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
    index("providers_owner").on(t.owner),
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
});

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
    at: instant("at").notNull(),
  },
  (t) => [index("reputation_events_provider").on(t.providerId, t.at)],
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

const UNIT_PRICE = "(case when gpu_model = '' then price_per_cpu_hour else price_per_gpu_hour end)";
/** Indexes of server/repos/market.ts, which must ask in the very same words. */
const MARKET_ORDERS = [
  ["offers_market_price", sql.raw(UNIT_PRICE)],
  ["offers_market_price_down", sql.raw(`(-${UNIT_PRICE})`)],
  ["offers_market_reputation", sql`((-reputation)::bigint)`],
  ["offers_market_vram", sql`((-vram_mb)::bigint)`],
] as const;

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
    // The market's orders, so that a page is read from where it begins. Free GPUs change with every rental: no index.
    ...MARKET_ORDERS.map(([name, key]) =>
      index(name)
        .on(sql`(gpu_model = '')`, key, sql`provider_id collate "C"`, sql`gpu_model collate "C"`)
        .where(sql`admission = 'approved'`),
    ),
    index("offers_free").on(t.available, t.pricePerGpuHour),
    check(
      "offers_counts",
      sql`${t.freeGpus} >= 0 and ${t.inUseGpus} >= 0 and ${t.freeGpus} + ${t.inUseGpus} <= ${t.totalGpus}`,
    ),
  ],
);
