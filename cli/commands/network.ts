// nodes, stats, billing: the machines behind it all, the totals, and the money.

import { Option } from "commander";
import type { z } from "zod";
import {
  NODE_SORTS,
  NODE_STATUSES,
  type NodeSort,
  type NodeStatus,
  STANDINGS,
  type Standing,
} from "../../domain/provider/node-status.ts";
import { RUNTIMES, type Runtime } from "../../domain/provider/state.ts";
import type { EntryView } from "../../protocol/account-views.ts";
import { ProblemError } from "../../protocol/client.ts";
import type { NetworkNodeView } from "../../protocol/node-views.ts";
import { CliError } from "../errors.ts";
import { quoted } from "../job-words.ts";
import { present } from "../output/present.ts";
import { type Column, renderFacts, renderTable } from "../output/table.ts";
import { age, clean, counted, moment, money, painted } from "../output/words.ts";
import { type PageFlags, readPages, tellOfMore, withPageFlags } from "../pages.ts";
import type { Cli } from "../program.ts";
import type { CommonFlags } from "../session.ts";

const NODE_COLUMNS: readonly Column<NetworkNodeView>[] = [
  { title: "ID", cell: ({ id }) => id, min: 12 },
  { title: "NAME", cell: ({ name }) => name, min: 8, drop: 3 },
  {
    title: "STATUS",
    cell: ({ status }) => status,
    min: 6,
    paint: ({ status }, shown, colours) => painted(status, colours, shown),
  },
  { title: "CORES", cell: ({ cpu_cores }) => String(cpu_cores), right: true, drop: 5 },
  { title: "MEM", cell: ({ memory_gb }) => `${memory_gb}G`, right: true, drop: 6 },
  { title: "GPU", cell: ({ gpu_model }) => gpu_model ?? "", min: 8, drop: 4 },
  { title: "REP", cell: ({ reputation_score }) => String(reputation_score), right: true },
  { title: "RAN", cell: ({ total_jobs_run }) => String(total_jobs_run), right: true, drop: 2 },
  { title: "RIGHT", cell: ({ success_rate }) => percent(success_rate), right: true, drop: 1 },
  { title: "REGION", cell: ({ region }) => region, wide: true },
  { title: "OWNER", cell: ({ owner_short }) => owner_short, wide: true },
  { title: "RUNTIME", cell: ({ runtime }) => runtime, wide: true },
  { title: "PROVEN", cell: ({ evidence }) => (evidence.proven ? "yes" : "no"), wide: true },
  { title: "PROVIDER ID", cell: ({ provider_id }) => provider_id, wide: true },
];

const ENTRY_COLUMNS: readonly Column<z.infer<typeof EntryView>>[] = [
  { title: "AT", cell: ({ at }) => moment(at), drop: 1 },
  { title: "KIND", cell: ({ kind }) => kind },
  { title: "BOOK", cell: ({ book }) => book, drop: 2 },
  { title: "AMOUNT", cell: ({ amount }) => money(amount), right: true },
  { title: "WHAT", cell: ({ description }) => description, min: 8 },
  { title: "FUNDS", cell: ({ funds }) => funds, wide: true },
  { title: "JOB", cell: ({ job_id }) => job_id ?? "", wide: true },
];

interface NodeFlags {
  readonly status?: NodeStatus;
  readonly standing?: Standing;
  readonly runtime?: Runtime;
  readonly gpu?: boolean;
  readonly region?: string;
  readonly search?: string;
  readonly sort?: NodeSort;
}

export function addNetwork(cli: Cli): void {
  const machines = cli
    .add("nodes [id]", "the machines that run batch jobs, or one of them")
    .addOption(new Option("--status <status>", "").choices([...NODE_STATUSES]))
    .addOption(new Option("--standing <standing>", "what is known of its results").choices([...STANDINGS]))
    .addOption(new Option("--runtime <runtime>", "").choices([...RUNTIMES]))
    .option("--gpu", "with a GPU only")
    .option("--region <region>", "")
    .option("--search <text>", "part of a name, an id, an owner, a region or a GPU model")
    .addOption(new Option("--sort <by>", "(default: newest)").choices([...NODE_SORTS]));
  cli.does<CommonFlags & NodeFlags & PageFlags>(withPageFlags(machines, 100), async (flags, [id]) => {
    const { client, io } = await cli.open(flags);
    if (id !== undefined) {
      const node = await client.getNode({ params: { id } }).catch((error: unknown) => {
        if (!(error instanceof ProblemError) || error.problem.code !== "not-found") throw error;
        throw new CliError(`No machine has the id ${clean(id)}.`, {
          remedy: `By a part of its name: berth nodes --search ${quoted(id)}`,
        });
      });
      present(io, flags, { data: node, names: [node.id], text: () => describeNode(cli, node) });
      return;
    }
    const { status, standing, runtime, region, search, sort } = flags;
    const given = { status, standing, runtime, region, search, sort, gpu: flags.gpu ? "true" : undefined };
    const asked = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
    const { rows, last } = await readPages(
      flags,
      (page) => client.listNodes({ query: { ...asked, ...page } }),
      (page) => page.nodes,
    );
    present(io, flags, {
      data: { nodes: rows, count: rows.length, next_cursor: last.next_cursor },
      names: rows.map((node) => node.id),
      text: (wide) =>
        rows.length === 0
          ? Object.keys(asked).length > 0
            ? "No machine fits.\n"
            : "No machine is here yet.\n"
          : renderTable(NODE_COLUMNS, rows, { ...io, wide }),
    });
    tellOfMore(io, last);
  });

  cli.does(cli.add("stats", "totals of machines and jobs"), async (flags) => {
    const { client, io } = await cli.open(flags);
    const stats = await client.stats();
    const { nodes: machines, resources, jobs, berth } = stats;
    present(io, flags, {
      data: stats,
      names: [],
      text: () =>
        renderFacts(
          [
            ["Nodes", `${machines.online} online, ${machines.busy} busy, ${machines.total} in all`],
            ["Owners", `${berth.owners_online} with a machine that is there`],
            ["Resources", `${counted(resources.total_cpu_cores, "core")}, ${resources.total_memory_gb} GB memory`],
            [
              "Jobs",
              `${jobs.running} running, ${jobs.completed} completed, ${jobs.failed} failed, ${jobs.total} in all`,
            ],
            ["Waiting", `${berth.queue_length} batch jobs`],
            [
              "Executions",
              `${berth.executions_last_minute} in the last minute, ${berth.executions_last_hour} in the last hour`,
            ],
            ["Verdict after", verdictTimes(berth.verdict_seconds)],
            ["Verified", `${berth.verified_executions} executions; ${percent(berth.agreement_rate)} of votes agreed`],
          ],
          io.colours,
        ),
    });
  });

  const billing = cli
    .add("billing", "your balance, and what was booked last")
    .option("--job <id>", "only what was booked for this job");
  cli.does<CommonFlags & PageFlags & { readonly job?: string }>(withPageFlags(billing, 20), async (flags) => {
    const { client, io } = await cli.open(flags);
    const balance = await client.getBilling({ query: { limit: "1" } });
    const { rows, last } = await readPages(
      flags,
      (page) => client.listEntries({ query: { ...page, ...(flags.job ? { job_id: flags.job } : {}) } }),
      ({ entries }) => entries,
    );
    present(io, flags, {
      data: { ...balance, entries: rows, count: rows.length, next_cursor: last.next_cursor },
      names: rows.map((entry) => entry.id),
      text: (wide) =>
        renderFacts(
          [
            ["Account", balance.account],
            ["Available", `${money(balance.available)}, ${money(balance.available_promotion)} of it promotion`],
            ["Held", money(balance.held)],
            ["Spent", money(balance.spent)],
            ["Earned", money(balance.earned)],
          ],
          io.colours,
        ) + (rows.length === 0 ? "" : `\n${renderTable(ENTRY_COLUMNS, rows, { ...io, wide })}`),
    });
    tellOfMore(io, last);
  });
}

function percent(share: number | null): string {
  return share === null ? "-" : `${(share * 100).toFixed(1)} %`;
}

function verdictTimes({ p50, p95 }: { readonly p50: number | null; readonly p95: number | null }): string {
  return p50 === null || p95 === null ? "-" : `${p50.toFixed(1)} s (half of them), ${p95.toFixed(1)} s (95 %)`;
}

function describeNode({ io }: Cli, node: NetworkNodeView): string {
  const { evidence } = node;
  const gpus = node.gpus
    .map(({ model, total, available }) => `${total} × ${clean(model)} (${available} free)`)
    .join(", ");
  return renderFacts(
    [
      ["Name", io.colours.bold(clean(node.name))],
      ["ID", clean(node.id)],
      ["Provider", node.provider_id === node.id ? null : node.provider_id],
      ["Status", `${painted(node.status, io.colours)} (${node.provider_status})`],
      ["Region", clean(node.region)],
      ["Machine", `${counted(node.cpu_cores, "core")}, ${node.memory_gb} GB memory${gpus ? `, ${gpus}` : ""}`],
      ["Runs", node.runtime],
      ["Owner", node.owner],
      ["Reputation", String(node.reputation_score)],
      ["Jobs", `${node.total_jobs_run} run, ${node.successful_jobs_run} right, ${node.failed_jobs} not`],
      [
        "Evidence",
        `${evidence.verified.toFixed(1)} verified, ${evidence.bad.toFixed(1)} bad, ${evidence.streak} in a row`,
      ],
      ["Proven", evidence.proven ? "yes" : "not yet"],
      ["Quarantined", evidence.quarantined ? clean(evidence.quarantine_reason ?? "yes") : null],
      ["Held back", evidence.held_back && clean(evidence.held_back)],
      ["Seen", `${age(node.last_heartbeat, io.now())} ago`],
    ],
    io.colours,
  );
}
