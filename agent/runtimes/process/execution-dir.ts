// One directory per execution, the only thing agent and supervisor share: what was asked, what is, and a private home.
import { open } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { END_CAUSES } from "../../../domain/execution/spec.ts";
import { isErrno, readJson, writeJson } from "../../files.ts";
import { ProcessIdentity } from "../../processes.ts";
import { SpecShape } from "../../spec.ts";

/** What the agent asks of the supervisor. */
export const Order = z.strictObject({
  spec: SpecShape,
  /** The broker's clock minus this machine's, in milliseconds. */
  brokerAheadMs: z.number(),
  /** The address customers reach this machine on. */
  publicHost: z.string(),
  /** True: run in a sandbox or not at all. */
  sandboxed: z.boolean(),
});
export type Order = z.infer<typeof Order>;

/** What the supervisor says. An ended one stays ended. */
export const State = z.discriminatedUnion("phase", [
  z.strictObject({ phase: z.literal("starting"), supervisor: ProcessIdentity }),
  z.strictObject({
    phase: z.literal("ready"),
    supervisor: ProcessIdentity,
    port: z.int(),
    user: z.string(),
    /** First process of the sandbox; all others in it die with it. Null without a sandbox. */
    sandbox: ProcessIdentity.nullable(),
  }),
  z.strictObject({
    phase: z.literal("ended"),
    exitCode: z.int().nullable(),
    cause: z.enum(END_CAUSES),
    detail: z.string(),
    endedAt: z.iso.datetime(),
  }),
]);
export type State = z.infer<typeof State>;

/** Why the agent tells a supervisor to stop. */
export const StopOrder = z.strictObject({ cause: z.enum(END_CAUSES), detail: z.string() });
export type StopOrder = z.infer<typeof StopOrder>;

export function executionFiles(dir: string) {
  return {
    order: join(dir, "order.json"),
    state: join(dir, "state.json"),
    stop: join(dir, "stop.json"),
    claim: join(dir, "claim"),
    home: join(dir, "home"),
    system: join(dir, "system"),
    supervisorLog: join(dir, "supervisor.log"),
    log: join(dir, "log"),
  };
}

export const readOrder = (dir: string) => readJson(executionFiles(dir).order, Order);
export const writeOrder = (dir: string, order: Order) => writeJson(executionFiles(dir).order, order);
export const readState = (dir: string) => readJson(executionFiles(dir).state, State);
export const writeState = (dir: string, state: State) => writeJson(executionFiles(dir).state, state);
export const readStop = (dir: string) => readJson(executionFiles(dir).stop, StopOrder);
export const writeStop = (dir: string, order: StopOrder) => writeJson(executionFiles(dir).stop, order);

/**
 * Takes the one right to run this execution. Whoever gets it, a supervisor or an agent that has given up waiting for
 * one, nobody gets it again: this is what keeps an execution from running twice.
 */
export async function claim(dir: string): Promise<boolean> {
  try {
    await (await open(executionFiles(dir).claim, "wx", 0o600)).close();
    return true;
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    throw error;
  }
}

export function ended(
  cause: StopOrder["cause"],
  detail: string,
  exitCode: number | null,
  at: Date,
): Extract<State, { phase: "ended" }> {
  const storable = detail.slice(0, 2000).replace(/[^\P{C}\n]/gu, " "); // a log's last words may hold anything
  return { phase: "ended", exitCode, cause, detail: storable, endedAt: at.toISOString() };
}
