// A worker that drives one execution and is killed with SIGKILL before its Nth statement reaches PostgreSQL.
// Arguments: database URL, execution id, N, and what to drive it to: running or settled. Exits 0 when it got there.
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { type ExecutionId, isId } from "../../domain/ids.ts";
import { agentCluster } from "../adapters/cluster/agent/agent-cluster.ts";
import { systemIds } from "../adapters/system/ids.ts";
import { secretBox } from "../adapters/system/secret-box.ts";
import type { Db } from "../deps.ts";
import { agentStore } from "../repos/agent-store.ts";
import { loadExecution } from "../repos/executions.ts";
import { reconcileExecution } from "../usecases/execution/reconcile-execution.ts";
import { TEST_SECRET_KEY, TEST_SETTINGS } from "./settings.ts";

const [url = "", id = "", killBefore = "", target = ""] = process.argv.slice(2);
if (!isId("exec", id)) throw new Error(`${id} is no execution`);
const deadlineMs = Date.now() + 60_000;

let statements = 0;
const watched = postgres(url, {
  max: 1,
  onnotice: () => {},
  debug: () => {
    statements += 1;
    if (statements === Number(killBefore)) process.kill(process.pid, "SIGKILL");
  },
});
const looking = postgres(url, { max: 1, onnotice: () => {} });
await drive(drizzle(watched), drizzle(looking), id);
await watched.end();
await looking.end();

async function drive(db: Db, eyes: Db, executionId: ExecutionId): Promise<void> {
  const clock = { now: () => new Date() };
  const secrets = secretBox(TEST_SECRET_KEY);
  const cluster = agentCluster(agentStore(db, secrets));
  const deps = {
    db,
    clock,
    ids: systemIds(clock),
    queue: { ring: async () => {} },
    cluster,
    pods: null,
    batchPods: null,
    secrets,
    settings: TEST_SETTINGS,
  };
  for (;;) {
    const row = await loadExecution(eyes, executionId);
    if (target === "running" ? row?.execution.status === "running" : row?.execution.settled) return;
    if (Date.now() > deadlineMs) throw new Error(`still ${row?.execution.status} after ${statements} statements`);
    // As the sweep does: only what is due is looked at, so that each step takes the same statements every time.
    const dueAt = row?.execution.nextReconcileAt;
    if (dueAt && dueAt <= clock.now()) await reconcileExecution(deps, executionId);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}
