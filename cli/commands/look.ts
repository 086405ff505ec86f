// list, get, executions: what jobs are like, once or as they change.
import { Option } from "commander";
import { BATCH_STATUSES } from "../../domain/job/batch.ts";
import { RENTAL_STATUSES } from "../../domain/job/status.ts";
import type { BatchExecutionView } from "../../protocol/batch.ts";
import type { AnyJobView } from "../../protocol/operations/job.ts";
import { jobsAnswer } from "../job-list.ts";
import { describeJob, isOver, PANEL_COLUMNS } from "../job-words.ts";
import { type Answer, present } from "../output/present.ts";
import { renderTable } from "../output/table.ts";
import { type PageFlags, readPages, tellOfMore, withPageFlags } from "../pages.ts";
import type { Cli } from "../program.ts";
import type { CommonFlags, Session } from "../session.ts";
import { watch } from "../watch.ts";

const STATUSES = [...new Set([...RENTAL_STATUSES, ...BATCH_STATUSES])];

interface ListFlags extends CommonFlags, PageFlags {
  readonly kind?: AnyJobView["kind"];
  readonly status?: (typeof STATUSES)[number];
  readonly watch?: boolean;
}

export function addLook(cli: Cli): void {
  const all = cli
    .add("list", "your jobs, newest first")
    .alias("ls")
    .addOption(new Option("--kind <kind>", "").choices(["rental", "batch"]))
    .addOption(new Option("--status <status>", "").choices(STATUSES));
  const list = withPageFlags(all, 50).option("-w, --watch", "show it again as it changes, until Ctrl-C");
  cli.does<ListFlags>(list, async (flags) => {
    const session = await cli.open(flags);
    if (flags.watch) return watch(cli.io, flags, async () => ({ ...(await listed(session, flags)), over: false }));
    const { answer, last } = await listed(session, flags);
    present(cli.io, flags, answer);
    tellOfMore(cli.io, last);
    return;
  });

  const get = cli
    .add("get <id>", "one job: what it is, what was decided, and its panel")
    .option("-w, --watch", "show it again as it changes, until it is over");
  cli.does<CommonFlags & { readonly watch?: boolean }>(get, async (flags, [id = ""]) => {
    const session = await cli.open(flags);
    const look = async () => {
      const job = await session.client.getJob({ params: { id } });
      return { answer: jobAnswer(session, job, await panelOf(session, job)), over: isOver(job) };
    };
    if (flags.watch) return watch(cli.io, flags, look);
    present(cli.io, flags, (await look()).answer);
    return;
  });

  cli.does(
    cli.add("executions <id>", "the panel of a batch job: who ran it, and how each voted"),
    async (flags, [id = ""]) => {
      const { client, io } = await cli.open(flags);
      await client.getJob({ params: { id } }); // of a job that is not there the panel is empty, which would hide a typo
      const panel = await client.listJobExecutions({ params: { id } });
      present(io, flags, {
        data: panel,
        names: panel.executions.map((one) => one.id),
        text: (wide) =>
          panel.count === 0
            ? "No machine has it yet.\n"
            : renderTable(PANEL_COLUMNS, panel.executions, { ...io, wide }),
      });
    },
  );
}

async function listed({ client, io }: Session, flags: ListFlags) {
  const { kind, status } = flags;
  const { rows, last } = await readPages(
    flags,
    (page) => client.listJobs({ query: { ...page, ...(kind ? { kind } : {}), ...(status ? { status } : {}) } }),
    ({ jobs }) => jobs,
  );
  return { answer: jobsAnswer(io, rows, last.next_cursor), last };
}

export async function panelOf({ client }: Session, job: AnyJobView): Promise<readonly BatchExecutionView[]> {
  if (job.kind === "rental") return [];
  return (await client.listJobExecutions({ params: { id: job.id } })).executions;
}

function jobAnswer({ io }: Session, job: AnyJobView, panel: readonly BatchExecutionView[]): Answer {
  return {
    data: job.kind === "batch" ? { ...job, executions: panel } : job,
    names: [job.id],
    text: (wide) => describeJob(io, job, panel, wide),
  };
}
