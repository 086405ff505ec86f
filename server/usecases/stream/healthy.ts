// Whether the database answers right now: a message that fails while it does may be at fault itself.
import type { Deps } from "../../deps.ts";
import { lastWorkerSeenAt } from "../../repos/system.ts";
import { withinPatience } from "../system/patience.ts";

export async function isHealthy({ db }: Pick<Deps, "db">): Promise<boolean> {
  return withinPatience(lastWorkerSeenAt(db)).then(
    () => true,
    () => false,
  );
}
