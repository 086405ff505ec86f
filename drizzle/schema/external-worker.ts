// Third-party workers that speak the seed's API: what each calls itself, beside the provider that it is here.
import { boolean, pgTable, text, unique } from "drizzle-orm/pg-core";
import { accounts } from "./account.ts";
import { id } from "./columns.ts";
import { providers } from "./provider.ts";

export const externalWorkers = pgTable(
  "external_workers",
  {
    providerId: id("prov")("provider_id")
      .primaryKey()
      .references(() => providers.id),
    owner: text("owner")
      .notNull()
      .references(() => accounts.address),
    /** its own id: kept, and unique for its owner alone, because every fleet has a worker-001 */
    nodeId: text("node_id").notNull(),
    /** as it names itself; the provider's name is made of it, and unique */
    name: text("name").notNull(),
    region: text("region").notNull(),
    /** as declared; its containers get none, so no job that needs one goes there */
    gpuEnabled: boolean("gpu_enabled").notNull(),
    gpuModel: text("gpu_model").notNull(),
  },
  (t) => [unique("external_workers_node").on(t.nodeId, t.owner)],
);
