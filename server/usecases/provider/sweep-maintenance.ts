// Opens and closes announced windows on time.
import type { Deps } from "../../deps.ts";

/** @returns how many providers changed */
export async function sweepMaintenance(_deps: Pick<Deps, "db" | "clock" | "queue" | "log">): Promise<number> {
  throw new Error("UNBUILT");
}
