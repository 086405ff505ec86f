// So many rentals asked for at once: when the last of them runs, and what that cost the API server.
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import { Journal, jobsOf, newCustomer, rent, stopAll } from "../scripts/faults/customers.ts";
import type { ApiProxy, Calls } from "../scripts/faults/testing/api-proxy.ts";
import { IMAGE } from "../scripts/faults/testing/kubernetes.ts";
import type { Stand } from "../scripts/faults/testing/stand.ts";
import { summary, times } from "./measure.ts";

const EACH = 10; // rentals of one account
const PATIENCE_MS = 900_000;

/** @returns a line of the table */
export async function queued({ urls, db }: Stand, api: ApiProxy, what: string, count: number): Promise<string> {
  const url = urls[0] ?? "";
  const journal = new Journal();
  const customers = await Promise.all(Array.from({ length: Math.ceil(count / EACH) }, () => newCustomer(url, journal)));
  const accounts = sql.join(
    customers.map(({ account }) => sql`${account}`),
    sql`, `,
  );
  const inStatus = async () => {
    const rows = await db.execute<{ status: string; n: number }>(sql`select e.status, count(*)::int as n
      from jobs j join executions e on e.id = j.execution_id where j.account in (${accounts}) group by 1`);
    return new Map(rows.map(({ status, n }) => [status, n]));
  };
  api.takeCalls();
  const startedMs = performance.now();
  // Each account asks for one after the other: that many at once would wait at the door, not in the queue.
  await Promise.all(
    customers.map(async (customer, nth) => {
      for (let n = nth; n < count; n += customers.length) await rent(customer, `queued-${count}-${n}`, 0, IMAGE);
    }),
  );
  for (const deadline = startedMs + PATIENCE_MS; ; await sleep(50)) {
    const found = await inStatus();
    if ((found.get("running") ?? 0) >= count) break;
    const failed = count - ["scheduled", "starting", "running"].reduce((sum, each) => sum + (found.get(each) ?? 0), 0);
    if (failed > 0 || performance.now() > deadline)
      throw new Error(`of ${count} rentals: ${JSON.stringify(Object.fromEntries(found))}`);
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const calls = api.takeCalls();
  const spans = await db.execute<{ ms: number }>(sql`select
    extract(epoch from e.started_at - e.created_at)::float8 * 1000 as ms
    from jobs j join executions e on e.id = j.execution_id where j.account in (${accounts})`);
  const again = await db.execute<{ reason: string; n: number }>(sql`select e.reason, count(*)::int as n
    from executions e join jobs j on j.id = e.job_id where j.account in (${accounts}) and e.id <> j.execution_id group by 1`);
  const each = summary(
    spans.map(({ ms }) => ms),
    seconds,
  );
  for (const customer of customers) await stopAll([customer]);
  for (;;) {
    const open = (await Promise.all(customers.map(jobsOf))).flat().filter(({ status }) => status !== "stopped");
    if (open.every(({ status }) => status === "cancelled")) break;
    await sleep(500);
  }
  const total = [...calls.values()].reduce((sum, { count: n }) => sum + n, 0);
  const rate = Math.round((count / seconds) * 60).toLocaleString("en");
  const line = `| ${count} ${what} | ${customers.length} accounts | ${seconds.toFixed(1)} s | ${rate} | ${times(each)} | ${(total / count).toFixed(1)} | ${costly(calls, count)} | ${again.map(({ reason, n }) => `${n} × ${reason}`).join(", ") || "none"} |`;
  process.stderr.write(`${line}\n`);
  return line;
}

/** The five kinds of calls that took the most time. */
function costly(calls: Calls, count: number): string {
  return [...calls]
    .sort(([, a], [, b]) => b.ms - a.ms)
    .slice(0, 5)
    .map(([name, { count: n, ms }]) => `${name} ${(n / count).toFixed(1)} × ${(ms / n).toFixed(1)} ms`)
    .join("; ");
}
