// Rings for nodes that are due, and finds what the watch missed.
import type { Deps } from "../../deps.ts";

export async function sweepDueNodes(_deps: Pick<Deps, "db" | "clock" | "queue">): Promise<number> {
  throw new Error("UNBUILT");
}
