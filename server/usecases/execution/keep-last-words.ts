// What a pod wrote goes with it: before it is sent away, its end is kept. Twice is once.
import type { Observed, Placement } from "../../../domain/execution/spec.ts";
import type { ExecutionId } from "../../../domain/ids.ts";
import { isNode, type Runtime } from "../../../domain/provider/state.ts";
import type { Deps } from "../../deps.ts";
import { logStore } from "../../repos/logs.ts";

/** What cannot be read is lost: nothing waits for it. */
export async function keepLastWords(
  { db, clock, pods }: Pick<Deps, "db" | "clock" | "pods">,
  id: ExecutionId,
  where: Placement,
  { runtime, observed }: { readonly runtime: Runtime; readonly observed: Observed },
): Promise<void> {
  if (!pods || !isNode(runtime) || observed.state === "absent") return;
  const words = await pods.lastWords(id, where);
  if (words) await logStore(db).append(id, 0, words, clock.now());
}
