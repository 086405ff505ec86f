// What machines deliver: checked, written, and the verdict with it, in the transaction of the deciding result.
import type { ProviderId } from "../../../domain/ids.ts";
import type { ResultReport, ResultsAnswer } from "../../../protocol/results.ts";
import type { Deps } from "../../deps.ts";

export type ResultDeps = Pick<Deps, "db" | "clock" | "ids" | "queue" | "settings" | "log">;

/**
 * Results of one provider together. Each is answered by itself: one that is refused spoils no other. The same result again
 * is accepted again; another one for the same execution is refused.
 */
export async function takeResults(
  _deps: ResultDeps,
  _providerId: ProviderId,
  _results: readonly ResultReport[],
): Promise<ResultsAnswer> {
  throw new Error("UNBUILT");
}
