// A web that takes one result and is killed with SIGKILL before its Nth statement reaches PostgreSQL.
// Arguments: database URL, provider id, the result as JSON, N. Exits 0 when it got to the end.
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { isId } from "../../domain/ids.ts";
import { ResultReport } from "../../protocol/results.ts";
import { systemIds } from "../adapters/system/ids.ts";
import { keepStatements } from "../adapters/system/kept-statements.ts";
import { takeResults } from "../usecases/batch/take-results.ts";
import { NO_CHECKS, TEST_SETTINGS } from "./settings.ts";

const [url = "", provider = "", report = "", killBefore = "", at = ""] = process.argv.slice(2);
if (!isId("prov", provider)) throw new Error(`${provider} is no provider`);

let statements = 0;
const client = postgres(url, {
  max: 1,
  onnotice: () => {},
  debug: () => {
    statements += 1;
    if (statements === Number(killBefore)) process.kill(process.pid, "SIGKILL");
  },
});
const clock = { now: () => new Date(at) };
const deps = {
  db: drizzle(keepStatements(client)),
  clock,
  ids: systemIds(clock),
  random: NO_CHECKS,
  queue: { ring: async () => {} },
  settings: TEST_SETTINGS,
  log: { info: () => {}, warn: () => {}, error: () => {} },
};
await takeResults(deps, provider, [ResultReport.parse(JSON.parse(report))]);
await client.end();
