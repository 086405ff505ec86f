// Everything that happened, append-only: timelines, streams and the audit trail read it.
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
    at: instant("at").notNull(),
  },
  (t) => [index("events_subject").on(t.subject, t.id)],
);

/** One row a worker: how /ready knows that somebody reconciles. */
export const workers = pgTable("workers", { name: text("name").primaryKey(), seenAt: instant("seen_at").notNull() });
