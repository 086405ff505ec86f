// A worker's sign of life, read by /ready.
import type { Deps } from "../../deps.ts";
import { stampWorkerRow } from "../../repos/chores.ts";

export async function stampWorker({ db, clock }: Pick<Deps, "db" | "clock">, name: string): Promise<void> {
  await stampWorkerRow(db, name, clock.now());
}
