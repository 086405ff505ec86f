// What a workspace can be rented with: the catalogue that customers choose from, and that operators change.
import { sql } from "drizzle-orm";
import { check, integer, jsonb, pgTable, text } from "drizzle-orm/pg-core";
import { instant } from "./columns.ts";

export const templates = pgTable(
  "templates",
  {
    /** such as ubuntu-24-04; jobs keep it, so that a row is retired and never deleted */
    slug: text("slug").primaryKey(),
    name: text("name").notNull(),
    description: text("description").notNull(),
    /** what runs; a name without a slash is one that the operator builds into WORKSPACE_REGISTRY */
    image: text("image").notNull(),
    /** the public image that it is built from, to which sshd was added; null where `image` is as its makers made it */
    base: text("base"),
    /** defaults; a customer's own variables win */
    env: jsonb("env").$type<Readonly<Record<string, string>>>().notNull().default({}),
    /** runs beside SSH: program and arguments; null for nothing */
    command: jsonb("command").$type<readonly string[]>(),
    /** where it serves HTTP; null for nothing */
    httpPort: integer("http_port"),
    /** of each GPU; 0: none is needed */
    minVramMb: integer("min_vram_mb").notNull().default(0),
    minDiskGb: integer("min_disk_gb").notNull().default(1),
    /** where people see it in the list */
    position: integer("position").notNull(),
    /** from then on nobody rents it */
    retiredAt: instant("retired_at"),
  },
  (t) => [
    check("templates_slug", sql`${t.slug} ~ '^[a-z0-9][a-z0-9-]{0,62}$'`),
    check("templates_http_port", sql`${t.httpPort} between 1 and 65535`),
    check("templates_least", sql`${t.minVramMb} >= 0 and ${t.minDiskGb} >= 1`),
  ],
);
