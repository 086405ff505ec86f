// Text that people look for, as a condition.
import { type Column, ilike, or, type SQL } from "drizzle-orm";

/** Whether it stands anywhere in one of these, in large or small letters; % and _ are only themselves. */
export function matching(text: string, columns: readonly (Column | SQL)[]): SQL | undefined {
  const pattern = `%${text.replace(/[\\%_]/g, "\\$&")}%`;
  return or(...columns.map((column) => ilike(column, pattern)));
}
