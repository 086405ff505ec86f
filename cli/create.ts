// Creating jobs, once each: a key of its own goes with every one, so that asking again makes no second.
import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import type { AnyJobView } from "../protocol/operations/job.ts";
import { CliError, EXIT } from "./errors.ts";
import type { JobInput } from "./job-file.ts";
import { jobsAnswer } from "./job-list.ts";
import { formatOf, present } from "./output/present.ts";
import type { CommonFlags, Session } from "./session.ts";
import { awaitJobs } from "./wait-all.ts";

export interface CreateFlags extends CommonFlags {
  readonly dryRun?: boolean;
  readonly wait?: boolean;
  readonly idempotencyKey?: string;
}

export function withCreateFlags(command: Command): Command {
  return command
    .option("--dry-run", "only say what it would cost and what would be chosen")
    .option("--wait", "wait until it is decided, or of a rental until it runs")
    .option("--idempotency-key <key>", "the same key with the same job makes it once (default: a new one each time)");
}

/**
 * Creates them in order. Where one is refused, those before it stay and are told.
 * @returns the exit code
 */
export async function created(session: Session, flags: CreateFlags, bodies: readonly JobInput[]): Promise<number> {
  const { client, io } = session;
  const jobs: AnyJobView[] = [];
  try {
    for (const [index, body] of bodies.entries())
      jobs.push(await client.createJob({ body, idempotencyKey: keyOf(flags, index, bodies.length) }));
  } catch (error) {
    if (jobs.length > 0) io.tell(`Created before that: ${jobs.map(({ id }) => id).join(" ")}`);
    throw error;
  }
  if (flags.wait)
    return awaitJobs(
      session,
      flags,
      jobs.map(({ id }) => id),
      { goal: null, timeoutSeconds: null },
    );
  present(io, flags, jobsAnswer(io, jobs, null));
  const [first] = jobs;
  if (formatOf(flags) === "table" && first) io.tell(nextStep(first));
  return EXIT.done;
}

function keyOf({ idempotencyKey }: CreateFlags, index: number, of: number): string {
  if (idempotencyKey === undefined) return randomUUID();
  if (!/^[\x21-\x7e]{1,190}$/.test(idempotencyKey))
    throw new CliError("The idempotency key has to be 1 to 190 printable characters without spaces.");
  return of === 1 ? idempotencyKey : `${idempotencyKey}-${index + 1}`;
}

function nextStep({ kind, id }: AnyJobView): string {
  return kind === "batch" ? `Wait for its result: berth wait ${id}` : `Into its shell, once it runs: berth ssh ${id}`;
}
