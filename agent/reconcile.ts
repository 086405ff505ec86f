// Desired meets observed on one machine: start what is missing, stop and forget what is not wanted.
import { type ExecutionId, isId } from "../domain/ids.ts";
import type { HeartbeatAnswer } from "../protocol/agent.ts";
import { timeLeft } from "./deadline.ts";
import type { Log } from "./log.ts";
import type { Runtime } from "./runtimes/runtime.ts";
import { toSpec } from "./spec.ts";

/**
 * Makes the machine what the answer says. Removals go on in the background: they may take seconds, and what still lives
 * is reported until it does not. One execution that cannot be started does not hold up the others.
 * @returns how many could not be started
 */
export async function reconcile(runtime: Runtime, answer: HeartbeatAnswer, log: Log, nowMs: number): Promise<number> {
  const specs = answer.executions.map(toSpec);
  const wanted = new Set<ExecutionId>(specs.map((spec) => spec.id));
  for (const { id } of runtime.list()) {
    if (!isId("exec", id) || wanted.has(id)) continue;
    runtime.remove(id).catch((error: unknown) => log.error({ err: error, execution: id }, "removal failed"));
  }
  const started = await Promise.all(
    specs.map(async (spec) => {
      const leftMs = timeLeft(spec.deadline, answer.now, nowMs);
      try {
        await runtime.apply(spec, Date.parse(spec.deadline) - nowMs - leftMs);
        return true;
      } catch (error) {
        log.error({ err: error, execution: spec.id }, "start failed");
        return false;
      }
    }),
  );
  return started.filter((ok) => !ok).length;
}
