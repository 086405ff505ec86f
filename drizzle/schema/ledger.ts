// Double entry: postings and their entries, append-only. Triggers of the migration refuse what does not sum to zero.
import { bigint, index, pgTable, text } from "drizzle-orm/pg-core";
import type { Book, Funds, PostingKind } from "../../domain/money/posting.ts";
import { id, instant, micros } from "./columns.ts";

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
