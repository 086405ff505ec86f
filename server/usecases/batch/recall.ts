// Results that rest on a machine that was caught: taken back, verified again by others, and their customers told.
import { quorumOf } from "../../../domain/job/batch.ts";
import { RULES } from "../../../domain/verification/constants.ts";
import { verifyAgain } from "../../../domain/verification/hearing.ts";
import type { Deps, Tx } from "../../deps.ts";
import {
  executionsAfter,
  insertChecks,
  lockRecalling,
  lockRestingOn,
  type Recalling,
  writeRecalled,
  writeRecalling,
} from "../../repos/batch-checks.ts";
import { recordEvents } from "../../repos/events.ts";
import { confirmationOf, recheckOf } from "./after-verdict.ts";

type RecallDeps = Pick<Deps, "db" | "clock" | "ids">;

/** Executions looked through in one transaction; how far is kept with them, so that a crash loses none and repeats none. */
const AT_ONCE = 100;
/** The rest waits for the next sweep. */
const MOST_PAGES = 10;
const HOUR_MS = 3_600_000;

/** @returns how many results were taken back */
export async function recallResults(deps: RecallDeps): Promise<number> {
  let recalled = 0;
  for (let page = 0; page < MOST_PAGES; page++) {
    const count = await deps.db.transaction(async (tx) => {
      const recalling = await lockRecalling(tx);
      return recalling && (await recallPage(deps, tx, recalling));
    });
    if (count === null) break;
    recalled += count;
  }
  return recalled;
}

async function recallPage({ clock, ids }: RecallDeps, tx: Tx, recalling: Recalling): Promise<number> {
  const now = clock.now();
  const { providerId } = recalling;
  const page = await executionsAfter(tx, recalling, AT_ONCE);
  const since = new Date(now.getTime() - RULES.recallHours * HOUR_MS);
  const jobs = [...new Set(page.map(({ jobId }) => jobId))];
  const resting = await lockRestingOn(tx, providerId, jobs, since);
  const rows = resting.flatMap((job) => {
    const again = verifyAgain(quorumOf(job), job.standing);
    if (again === null) return [];
    const copies = again.kind === "confirm" ? again.copies : null;
    return [{ id: job.id, recheck: job.network ? null : ids.next("job"), copies }];
  });
  await insertChecks(
    tx,
    rows.flatMap(({ id, recheck, copies }) => {
      if (recheck === null) return [];
      return [copies === null ? recheckOf(recheck, id) : confirmationOf(recheck, id, copies)];
    }),
    now,
  );
  await writeRecalled(tx, rows, now);
  await recordEvents(
    tx,
    rows.map(({ id, recheck, copies }) => ({ subject: id, code: "recalled", message: told(recheck, copies), at: now })),
  );
  const last = page.at(-1);
  await writeRecalling(tx, providerId, last && page.length === AT_ONCE ? last.id : null);
  return rows.length;
}

/** @param copies owners more that are asked; null: three, because nobody else stands behind it */
function told(recheck: string | null, copies: number | null): string {
  const why = "A machine that its result rests on was caught with wrong results, so it is taken back.";
  const others = copies === 1 ? "Another owner verifies" : `${copies ?? "Three"} other owners verify`;
  if (recheck !== null) return `${why} ${others} it again as ${recheck}, which costs you nothing.`;
  return `${why} The job uses the network, so nobody can tell now what was right: you get back what you paid, and submit it again if you need it.`;
}
