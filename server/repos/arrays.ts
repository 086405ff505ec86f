// Many keys as one parameter: the text of a statement stays the same for any number of them, and its plan with it.
import { type SQL, sql } from "drizzle-orm";

/** For `= any(…)`. Quotes and backslashes are escaped in PostgreSQL's arrays as they are in JSON. */
export function textArray(values: readonly string[]): SQL {
  return sql`${`{${values.map((value) => JSON.stringify(value)).join(",")}}`}::text[]`;
}
