// Machines for jobs that want them: one round gives out as many copies as there is room for, in fair order of accounts.
import type { Deps } from "../../deps.ts";

export type DispatchDeps = Pick<Deps, "db" | "clock" | "ids" | "queue" | "settings" | "log">;

/**
 * One round: at most a hundred jobs, in one transaction, one dispatcher at a time. Rings again where more could be given out.
 * @returns how many executions were given out
 */
export async function dispatchBatch(_deps: DispatchDeps): Promise<number> {
  throw new Error("UNBUILT");
}
