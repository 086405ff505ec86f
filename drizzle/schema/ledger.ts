// Double entry: postings and their entries, append-only. Triggers of the migration refuse what does not sum to zero.
import { sql } from "drizzle-orm";
import { bigint, check, index, integer, pgTable, primaryKey, text } from "drizzle-orm/pg-core";
import type { Book, Funds, PostingKind } from "../../domain/money/posting.ts";
import { id, instant, micros } from "./columns.ts";
import { providers } from "./provider.ts";

export const postings = pgTable(
  "postings",
  {
    id: id("post")("id").primaryKey(),
    kind: text("kind").$type<PostingKind>().notNull(),
    jobId: id("job")("job_id"),
    description: text("description").notNull(),
    at: instant("at").notNull(),
  },
  (t) => [index("postings_job").on(t.jobId)],
);

export const entries = pgTable(
  "entries",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    postingId: id("post")("posting_id")
      .notNull()
      .references(() => postings.id),
    /** the book, such as available, held, earned or platform */
    book: text("book").$type<Book>().notNull(),
    /** the address, or fees and promotion for the platform's */
    owner: text("owner").notNull(),
    funds: text("funds").$type<Funds>().notNull(),
    amount: micros("amount").notNull(),
  },
  (t) => [index("entries_owner").on(t.owner, t.id), index("entries_posting").on(t.postingId)],
);

/** What machines earned, summed by day of UTC from the entries up to `earningsSummed`: a copy that the ledger can write anew. */
export const providerEarnings = pgTable(
  "provider_earnings",
  {
    providerId: id("prov")("provider_id")
      .notNull()
      .references(() => providers.id),
    /** YYYY-MM-DD */
    day: text("day").notNull(),
    cash: micros("cash").notNull(),
    promotion: micros("promotion").notNull(),
  },
  (t) => [primaryKey({ columns: [t.providerId, t.day] })],
);

/** One row: the last entry that is in `providerEarnings`. */
export const earningsSummed = pgTable(
  "earnings_summed",
  { one: integer("one").primaryKey(), upto: bigint("upto", { mode: "number" }).notNull() },
  (t) => [check("earnings_summed_one", sql`${t.one} = 1`)],
);
