// Looks at the market for everybody who saved a search, and raises an alert at the edge.
import type { Deps } from "../../deps.ts";

/** @returns how many alerts were raised */
export async function checkSavedSearches(_deps: Pick<Deps, "db" | "clock">): Promise<number> {
  throw new Error("UNBUILT");
}
