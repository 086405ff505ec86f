// Column types that several tables share.
import { customType, timestamp } from "drizzle-orm/pg-core";
import type { Id, IdPrefix } from "../../domain/ids.ts";

/** micro-USD, as PostgreSQL bigint and a JavaScript bigint. */
export const micros = customType<{ data: bigint; driverData: string }>({
  dataType: () => "bigint",
  fromDriver: (value) => BigInt(value),
  toDriver: (value) => value.toString(),
});

/** An instant with zone, to the millisecond. */
export const instant = (name: string) => timestamp(name, { withTimezone: true, precision: 3 });

/** An id with its prefix, as text. */
export const id = <P extends IdPrefix>(_prefix: P) =>
  customType<{ data: Id<P>; driverData: string }>({
    dataType: () => "text",
    fromDriver: (value) => value as Id<P>, // written by us, with this prefix
    toDriver: (value) => value,
  });
