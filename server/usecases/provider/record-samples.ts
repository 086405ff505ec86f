// Keeps the newest usage of every provider that was heard, once a minute.
import type { Deps } from "../../deps.ts";

/** Safe to run in several workers: a minute is written once. @returns how many were written */
export async function recordSamples(_deps: Pick<Deps, "db" | "clock">): Promise<number> {
  throw new Error("UNBUILT");
}
