// What the running agent leaves for `status`, `join` and people to read: how its last beat went and what the broker said.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { PROVIDER_STATUSES } from "../domain/provider/state.ts";
import type { HeartbeatAnswer } from "../protocol/agent.ts";
import { ExecutionReport, Heartbeat, JoinTicket, MachineReport } from "../protocol/agent.ts";
import type { BeatWatcher } from "./beat.ts";
import { readJson, writeJson } from "./files.ts";
import type { Log } from "./log.ts";

const time = z.iso.datetime();

export const AgentStatus = z.object({
  version: z.string(),
  provider_id: z.string(),
  name: z.string(),
  broker: z.string(),
  runtime: z.string(),
  started_at: time,
  beat: z.object({ at: time, seq: z.int() }).nullable(),
  /** The broker's last answer. */
  answer: z
    .object({
      at: time,
      status: z.enum(PROVIDER_STATUSES),
      notices: z.array(z.string()),
      wanted: z.int(),
      join: JoinTicket.omit({ token: true }).nullable(),
    })
    .nullable(),
  /** Why there is none since, and when the next try comes. */
  trouble: z.object({ at: time, message: z.string(), failures: z.int(), next_at: time }).nullable(),
  machine: MachineReport.nullable(),
  usage: Heartbeat.shape.usage.nullable(),
  executions: z.array(ExecutionReport),
});
export type AgentStatus = z.infer<typeof AgentStatus>;

const statusPath = (dataDir: string) => join(dataDir, "status.json");
const ticketPath = (dataDir: string) => join(dataDir, "join.json");

/** What the running agent knows from its start on. */
export type StatusBase = Pick<AgentStatus, "version" | "provider_id" | "name" | "broker" | "runtime">;

/** Writes one after the other; of what changes during a write only the newest is written. */
export function createStatusWriter(
  dataDir: string,
  base: StatusBase,
  log: Log,
): BeatWatcher & { settle(): Promise<void> } {
  let status: AgentStatus = {
    ...{ ...base, started_at: new Date().toISOString(), beat: null, answer: null, trouble: null },
    ...{ machine: null, usage: null, executions: [] },
  };
  let ticket: JoinTicket | null = null;
  let writing = Promise.resolve();
  let due = false;

  function save(change: Partial<AgentStatus>): void {
    status = { ...status, ...change };
    if (due) return;
    due = true;
    writing = writing.then(async () => {
      due = false;
      await writeJson(statusPath(dataDir), status);
      if (ticket) await writeJson(ticketPath(dataDir), ticket);
      else await rm(ticketPath(dataDir), { force: true });
    });
    writing = writing.catch((error: unknown) => log.warn({ err: error }, "the status cannot be written"));
  }

  return {
    beating({ seq, machine, usage, executions }, at) {
      save({ beat: { at: at.toISOString(), seq }, machine, usage, executions });
    },
    answered(answer: HeartbeatAnswer, at) {
      ticket = answer.join;
      const { status: said, notices, executions } = answer;
      const join = ticket && JoinTicket.omit({ token: true }).strip().parse(ticket);
      save({ answer: { at: at.toISOString(), status: said, notices, wanted: executions.length, join }, trouble: null });
    },
    failed(error, failures, delayMs, at) {
      const message = error instanceof Error ? error.message : String(error);
      const next_at = new Date(at.getTime() + delayMs).toISOString();
      save({ trouble: { at: at.toISOString(), message, failures, next_at } });
    },
    settle: () => writing,
  };
}

/** @returns undefined where no agent ever wrote one here, or one of another version */
export async function readStatus(dataDir: string): Promise<AgentStatus | undefined> {
  return readJson(statusPath(dataDir), AgentStatus).catch(asUnreadable);
}

/** The fields for joining the cluster, as the broker's last answer gave them. */
export async function readTicket(dataDir: string): Promise<JoinTicket | undefined> {
  return readJson(ticketPath(dataDir), JoinTicket).catch(asUnreadable);
}

/** Unreadable by its contents is as good as absent; unreadable by its rights is worth telling. */
function asUnreadable(error: unknown): undefined {
  if (error instanceof z.ZodError || error instanceof SyntaxError) return undefined;
  throw error;
}
