// What machines deliver: checked, written, and the verdict with it, in the transaction of the deciding result.
import type { ExecutionId, ProviderId } from "../../../domain/ids.ts";
import type { ResultReport, ResultsAnswer } from "../../../protocol/results.ts";
import type { Deps } from "../../deps.ts";
import { expectedOf, type NewResult } from "../../repos/batch-verdicts.ts";
import { providersByIds } from "../../repos/providers.ts";
import { type Delivery, machineOf, readDelivery } from "./delivery.ts";
import { noteDelivery } from "./note-delivery.ts";
import { settleJobs } from "./settle-batch.ts";

export type ResultDeps = Pick<Deps, "db" | "clock" | "ids" | "random" | "queue" | "settings" | "log">;

type Answer = ResultsAnswer["results"][number];

/**
 * Results of one provider together. Each is answered by itself: one that is refused spoils no other. The same result again
 * is accepted again; another one for the same execution is refused.
 */
export async function takeResults(
  deps: ResultDeps,
  providerId: ProviderId,
  results: readonly ResultReport[],
): Promise<ResultsAnswer> {
  const ids = results.map(({ execution_id: id }): ExecutionId => `exec_${id.slice("exec_".length)}`);
  const [expected, [provider]] = await Promise.all([
    expectedOf(deps.db, providerId, ids),
    providersByIds(deps.db, [providerId]),
  ]);
  const machine = provider && machineOf(provider);
  const deliveries = await Promise.all(
    results.flatMap((report, index): Promise<Delivery>[] => {
      const wanted = expected.get(ids[index] ?? "exec_");
      return machine && wanted ? [readDelivery(machine, wanted, report)] : [];
    }),
  );
  const jobs = [...new Set(deliveries.map(({ jobId }) => jobId))];
  const answers = jobs.length === 0 ? [] : await settleDeliveries(deps, jobs, deliveries);
  const heard = answers[Symbol.iterator]();
  return {
    results: results.map(({ execution_id: id }, index) => {
      const known = machine !== undefined && expected.has(ids[index] ?? "exec_");
      return (known && heard.next().value) || refused(id);
    }),
  };
}

function refused(id: string): Answer {
  return { execution_id: id, status: "refused", detail: "This machine was given no such execution." };
}

/** @returns an answer for each delivery, in their order */
function settleDeliveries(
  deps: ResultDeps,
  jobs: readonly Delivery["jobId"][],
  deliveries: readonly Delivery[],
): Promise<readonly Answer[]> {
  return settleJobs(deps, {
    jobs,
    change: (cases, _locked, now) => {
      const results: NewResult[] = [];
      const value = deliveries.map((delivery): Answer => {
        const one = cases.get(delivery.jobId);
        if (!one) return refused(delivery.id);
        const { status, detail, fresh } = noteDelivery(one, delivery, now);
        if (fresh) results.push({ executionId: delivery.id, ...delivery.result });
        return { execution_id: delivery.id, status, detail };
      });
      return { value, results };
    },
  });
}
