// logs and result: what jobs wrote.
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { z } from "zod";
import type { BatchExecutionView, BatchJobView } from "../../protocol/batch.ts";
import type { AnyJobView } from "../../protocol/operations/job.ts";
import { CliError, EXIT } from "../errors.ts";
import { followEvents } from "../event-stream.ts";
import { isOver, reasonFacts } from "../job-words.ts";
import { clean, harmless } from "../output/words.ts";
import { type Cli, wholeNumber } from "../program.ts";
import type { CommonFlags, Session } from "../session.ts";
import { waitForJob } from "../wait.ts";
import { panelOf } from "./look.ts";

interface LogFlags extends CommonFlags {
  readonly follow?: boolean;
  readonly tail?: number;
  readonly execution?: number;
}

export function addOutput(cli: Cli): void {
  const logs = cli
    .add("logs <id>", "what a job wrote: a rental's log, or what each execution of a batch job said")
    .option("-f, --follow", "go on until it ends; of a batch job: wait for the verdict first")
    .option("-n, --tail <lines>", "how many lines of the past, at most 10000", wholeNumber)
    .option("--execution <number>", "of a batch job: only this one of the panel", wholeNumber);
  cli.does<LogFlags>(logs, async (flags, [id = ""]) => {
    const session = await cli.open(flags);
    const job = await session.client.getJob({ params: { id } });
    if (job.kind === "batch") return batchLogs(session, flags, job);
    const tail = flags.tail === undefined ? {} : { tail: String(flags.tail) };
    if (flags.follow) return follow(session, id, tail);
    const { logs: text, truncated } = await session.client.getJobLogs({ params: { id }, query: tail });
    if (truncated) cli.io.tell("berth: more was written before this; --tail shows up to 10000 lines.");
    writeOutput(session, text);
    return;
  });

  const result = cli
    .add("result <id>", "the accepted result of a batch job: its standard output, as it is")
    .option("--output-dir <folder>", "write stdout, job.json and its output files into a folder instead");
  cli.does<CommonFlags & { readonly outputDir?: string }>(result, async (flags, [id = ""]) => {
    const session = await cli.open(flags);
    const job = await session.client.getJob({ params: { id } });
    if (job.kind === "rental") throw new CliError("A rental has no result.", { remedy: `Its log: berth logs ${id}` });
    if (!isOver(job))
      throw new CliError(`It is still ${job.status}.`, {
        remedy: `Wait for it: berth wait ${id} && berth result ${id}`,
      });
    if (job.status !== "completed")
      throw new CliError(`It ${job.status === "failed" ? "failed" : "was cancelled"}: there is no result.`, {
        details: reasonFacts(job).map(([label, value]) => `${label}: ${value}`),
        remedy: `What its machines wrote: berth logs ${id}`,
        exitCode: EXIT.jobFailed,
      });
    if (job.verdict?.recalled_at)
      cli.io.tell(
        `berth: this result was recalled: a machine that it rested on was caught. ${job.verdict.recheck ?? ""}`,
      );
    if (job.verdict?.kind === "unverified") cli.io.tell("berth: nobody else ran it: this result is not verified.");
    if (flags.outputDir === undefined) writeOutput(session, job.result ?? "");
    else await writeFolder(session, flags.outputDir, job);
    return;
  });
}

/** Byte by byte into files and pipes; on a terminal without what could drive it. */
function writeOutput({ io }: Session, text: string): void {
  io.write(io.terminal ? harmless(text) : text);
}

const Text = z.object({ text: z.string() });
const End = z.object({ status: z.string(), reason: z.object({ sentence: z.string(), remedy: z.string() }).nullable() });

async function follow(session: Session, id: string, tail: Readonly<Record<string, string>>): Promise<number> {
  const { io } = session;
  let begun = false;
  try {
    for await (const { event, data } of followEvents(session, "getJobLogs", id, io.signal, { follow: "1", ...tail })) {
      const said: unknown = JSON.parse(data);
      if (event === "logs") {
        begun = true;
        writeOutput(session, Text.parse(said).text);
      } else if (event === "reset" && begun) io.tell("berth: the log from here on, once more:");
      else if (event === "end") {
        const { status, reason } = End.parse(said);
        io.tell(`berth: ${status}.${reason ? ` ${clean(reason.sentence)}` : ""}`);
        return status === "failed" ? EXIT.jobFailed : EXIT.done;
      }
    }
  } catch (error) {
    if (!io.signal.aborted) throw error;
    io.tell(goesOn(id));
  }
  return EXIT.interrupted;
}

async function batchLogs(session: Session, flags: LogFlags, seen: BatchJobView): Promise<number> {
  const { io } = session;
  const { id } = seen;
  if (!isOver(seen) && !flags.follow)
    throw new CliError(`It is still ${seen.status}: what machines wrote is shown once it is decided.`, {
      remedy: `Wait for it: berth logs -f ${id}`,
    });
  const job = isOver(seen) ? seen : await verdictOf(session, id);
  if (job === null) return EXIT.interrupted;
  const panel = (await panelOf(session, job)).filter(({ number }) => (flags.execution ?? number) === number);
  if (panel.length === 0 && flags.execution !== undefined) throw new CliError("The panel has no such number.");
  if (panel.length === 0) io.tell("berth: no machine ran it.");
  for (const one of panel) {
    if (panel.length > 1) io.tell(io.tellColours.bold(titleOf(one)));
    for (const text of [one.result, one.logs])
      if (text) writeOutput(session, lastLines(text.endsWith("\n") ? text : `${text}\n`, flags.tail));
    if (one.error_message) io.tell(`berth: ${clean(one.error_message)}`); // the broker's word, not the program's
  }
  if (flags.follow && job.reason) io.tell(`berth: ${job.status}. ${clean(job.reason.sentence)}`);
  return flags.follow && job.status !== "completed" ? EXIT.jobFailed : EXIT.done;
}

/** The job once it is decided; null after Ctrl-C. */
async function verdictOf(session: Session, id: string): Promise<AnyJobView | null> {
  const { io } = session;
  const onChange = ({ status }: { readonly status: string }) => io.tell(`${id}  ${status}`);
  try {
    return await waitForJob(session, id, { goal: "end", deadline: null, onChange, listens: true });
  } catch (error) {
    if (!io.signal.aborted) throw error;
    io.tell(goesOn(id));
    return null;
  }
}

function goesOn(id: string): string {
  return `berth: the job goes on; go on reading: berth logs -f ${id}`;
}

function titleOf({ number, provider_name, vote, status, exit_code }: BatchExecutionView): string {
  const exit = exit_code === null ? "" : `, exit ${exit_code}`;
  return `==> ${number} ${clean(provider_name)}: ${vote ?? status}${exit} <==`;
}

function lastLines(text: string, count: number | undefined): string {
  return count === undefined
    ? text
    : text
        .split("\n")
        .slice(-count - 1)
        .join("\n");
}

async function writeFolder({ io, client }: Session, folder: string, job: BatchJobView): Promise<void> {
  const { executions } = await client.listJobExecutions({ params: { id: job.id } });
  await mkdir(folder, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    throw new CliError(`${clean(folder)} cannot be made a folder (${error.code}).`, {
      remedy: "Name another one with --output-dir",
    });
  });
  await writeFile(join(folder, "stdout"), job.result ?? "");
  await writeFile(join(folder, "job.json"), `${JSON.stringify({ ...job, executions }, null, 2)}\n`);
  io.write(`${join(folder, "stdout")}\n${join(folder, "job.json")}\n`);
  if (job.verdict?.digest == null || job.files.length === 0) return;
  const { files } = await client.listJobFiles({ params: { id: job.id } });
  for (const { path, content } of files) {
    const to = resolve(folder, "files", path);
    if (!to.startsWith(`${resolve(folder, "files")}${sep}`))
      throw new CliError(`${clean(path)} would lie outside of ${folder}.`);
    await mkdir(dirname(to), { recursive: true });
    await writeFile(to, Buffer.from(content, "base64"));
    io.write(`${clean(join(folder, "files", path))}\n`);
  }
}
