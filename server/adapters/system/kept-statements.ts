// Statements that the database parses once a connection instead of once a call, where each call took two trips.
import type postgres from "postgres";

/** Both sides hold what is kept, on each connection: of texts without end only the first are. */
export const MOST_KEPT = 400;

type Work<T> = (sql: postgres.TransactionSql) => T | Promise<T>;

/**
 * Drizzle has only those kept that it is given a name for; of a client that went through here all are, until there are many.
 * What a transaction sends without waiting then goes out together.
 */
export function keepStatements(client: postgres.Sql): postgres.Sql {
  const kept = new Set<string>();
  const { begin } = client;
  client.begin = <T>(first: string | Work<T>, second?: Work<T>) => {
    const [options, work] = typeof first === "string" ? [first, second] : ["", first];
    if (!work) throw new Error("a transaction needs something to do");
    return begin(options, (tx) => work(keep(tx)));
  };
  return keep(client);

  function keep<S extends postgres.ISql>(sql: S): S {
    const { unsafe } = sql;
    sql.unsafe = <T extends unknown[]>(...[text, parameters, options]: Parameters<typeof unsafe>) =>
      unsafe<T>(text, parameters, { ...options, prepare: isKept(text, parameters) });
    return sql;
  }

  /** One without parameters goes as it is, in one trip. */
  function isKept(text: string, parameters: readonly unknown[] = []): boolean {
    if (parameters.length > 0 && kept.size < MOST_KEPT) kept.add(text);
    return kept.has(text);
  }
}
