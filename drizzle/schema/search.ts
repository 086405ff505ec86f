// Searches that people keep, the alerts they raise, and what changed on the market.
import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  customType,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  timestamp,
  unique,
} from "drizzle-orm/pg-core";
import { accounts } from "./account.ts";
import { id, instant, micros } from "./columns.ts";

export const savedSearches = pgTable(
  "saved_searches",
  {
    id: id("srch")("id").primaryKey(),
    account: text("account")
      .notNull()
      .references(() => accounts.address),
    name: text("name").notNull(),
    /** the query string of the search, canonical: what the market page and the API take */
    query: text("query").notNull(),
    /** micro-USD an hour of a GPU (or a core): an alert when something that fits costs this or less; null for none */
    alertAtOrBelow: micros("alert_at_or_below"),
    /** whether the last look found such an offer: an alert is for the edge, once */
    alerting: boolean("alerting").notNull().default(false),
    /** of the last look */
    matches: integer("matches"),
    lowestPrice: micros("lowest_price"),
    checkedAt: instant("checked_at"),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [unique("saved_searches_name").on(t.account, t.name)],
);

export const alerts = pgTable(
  "alerts",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    account: text("account")
      .notNull()
      .references(() => accounts.address),
    savedSearchId: id("srch")("saved_search_id")
      .notNull()
      .references(() => savedSearches.id, { onDelete: "cascade" }),
    message: text("message").notNull(),
    data: jsonb("data").$type<Readonly<Record<string, string | number | null>>>().notNull(),
    at: instant("at").notNull(),
    readAt: instant("read_at"),
  },
  (t) => [
    index("alerts_account").on(t.account, t.id),
    index("alerts_unread").on(t.account).where(sql`read_at is null`),
  ],
);

const xid8 = customType<{ data: string; driverData: string }>({ dataType: () => "xid8" });

/**
 * Providers whose offers changed, and in which transaction: what a process that holds the market in memory has yet to
 * see. Written by a trigger, so that no way to change an offer can forget it; kept for minutes.
 */
export const offerChanges = pgTable(
  "offer_changes",
  {
    xid: xid8("xid").notNull().default(sql`pg_current_xact_id()`),
    /** "*" where the whole table was emptied */
    providerId: text("provider_id").notNull(),
    at: timestamp("at", { withTimezone: true, precision: 3 }).notNull().default(sql`clock_timestamp()`),
  },
  (t) => [index("offer_changes_xid").on(t.xid)],
);
