// Everything that happened, append-only: timelines, streams and the audit trail read it.
import { sql } from "drizzle-orm";
import { bigint, index, jsonb, pgTable, text } from "drizzle-orm/pg-core";
import { instant } from "./columns.ts";

export const events = pgTable(
  "events",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    /** what it is about, such as job_… or prov_… */
    subject: text("subject").notNull(),
    code: text("code").notNull(),
    message: text("message").notNull(),
    data: jsonb("data").$type<Readonly<Record<string, string | number | boolean | null>>>().notNull(),
    /** the account that decided it; null where nobody in particular did */
    actor: text("actor"),
    at: instant("at").notNull(),
  },
  (t) => [
    index("events_subject").on(t.subject, t.id),
    index("events_code").on(t.code, t.id),
    index("events_actor").on(t.id).where(sql`actor is not null`),
  ],
);

/** One row a worker: how /ready knows that somebody reconciles. */
export const workers = pgTable("workers", { name: text("name").primaryKey(), seenAt: instant("seen_at").notNull() });
