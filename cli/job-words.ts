// How jobs of both kinds and their panels read: one place for columns, facts and sentences.
import { isDecided, quorumOf } from "../domain/job/batch.ts";
import type { BatchExecutionView, BatchJobView } from "../protocol/batch.ts";
import type { JobView } from "../protocol/job-views.ts";
import type { AnyJobView } from "../protocol/operations/job.ts";
import type { Io } from "./io.ts";
import { type Column, renderFacts, renderTable } from "./output/table.ts";
import { age, clean, counted, moment, money, painted, runTime, shortDigest, span } from "./output/words.ts";

/** Nothing more happens to it. */
export function isOver(job: AnyJobView): boolean {
  if (job.kind === "batch") return isDecided(job.status);
  return ["stopped", "expired", "failed", "cancelled"].includes(job.status);
}

export function jobColumns(now: Date): readonly Column<AnyJobView>[] {
  return [
    { title: "ID", cell: ({ id }) => id },
    { title: "NAME", cell: ({ name }) => name, min: 8, drop: 2 },
    { title: "KIND", cell: ({ kind }) => kind, drop: 4 },
    {
      title: "STATUS",
      cell: (job) => (job.kind === "rental" && job.unreachable ? "unreachable" : job.status),
      min: 6,
      paint: ({ status }, shown, colours) => painted(status, colours, shown),
    },
    { title: "WHERE", cell: whereOf, min: 8, drop: 5 },
    { title: "AGE", cell: ({ created_at }) => age(created_at, now), right: true, drop: 3 },
    { title: "COST", cell: ({ cost_so_far }) => money(cost_so_far), right: true, drop: 1 },
    { title: "IMAGE", cell: (job) => (job.kind === "batch" ? job.docker_image : job.image), wide: true },
    { title: "REASON", cell: ({ reason }) => reason?.sentence ?? "", wide: true },
  ];
}

function whereOf(job: AnyJobView): string {
  if (job.kind === "rental") return job.provider_name;
  const { executions_count: count } = job;
  return count === 0 ? "" : counted(count, "machine");
}

export const PANEL_COLUMNS: readonly Column<BatchExecutionView>[] = [
  { title: "#", cell: ({ number }) => String(number), right: true },
  { title: "PROVIDER", cell: ({ provider_name }) => provider_name, min: 8 },
  {
    title: "STATUS",
    cell: ({ status }) => status,
    min: 6,
    paint: ({ status }, shown, colours) => painted(status, colours, shown),
  },
  { title: "RUN", cell: ({ run_ms }) => runTime(run_ms), right: true, drop: 3 },
  { title: "DIGEST", cell: ({ digest }) => shortDigest(digest), drop: 4 },
  {
    title: "VOTE",
    cell: ({ vote }) => vote ?? "",
    min: 5,
    drop: 1,
    paint: ({ vote }, shown, colours) => painted(vote ?? "", colours, shown),
  },
  { title: "WEIGHT", cell: ({ weight }) => (weight === null ? "" : weight.toFixed(1)), right: true, drop: 5 },
  { title: "COST", cell: ({ cost }) => money(cost), right: true, drop: 2 },
  { title: "EXIT", cell: ({ exit_code }) => (exit_code === null ? "" : String(exit_code)), right: true, wide: true },
  { title: "REGION", cell: ({ region }) => region, wide: true },
  { title: "REPUTATION", cell: ({ reputation }) => String(reputation), right: true, wide: true },
  { title: "PROVEN", cell: ({ proven }) => (proven ? "yes" : "no"), wide: true },
  { title: "PAID BY", cell: ({ paid_by }) => paid_by ?? "", wide: true },
  { title: "ID", cell: ({ id }) => id, wide: true },
  { title: "DETAIL", cell: ({ detail, end }) => detail ?? end ?? "", wide: true },
];

export function describeJob(io: Io, job: AnyJobView, panel: readonly BatchExecutionView[], wide: boolean): string {
  if (job.kind === "rental") return describeRental(io, job);
  const table = panel.length === 0 ? "" : `\n${renderTable(PANEL_COLUMNS, panel, { ...io, wide })}`;
  return `${describeBatch(io, job)}${table}`;
}

function describeBatch(io: Io, job: BatchJobView): string {
  const { colours } = io;
  const { verdict } = job;
  const place = job.queue_position === null ? "" : `${job.queue_position} before it. `;
  return renderFacts(
    [
      ...headOf(io, job),
      ["Waits", job.waiting === null ? null : `${place}${clean(job.waiting)}`],
      ["Image", clean(job.docker_image)],
      ["Command", job.command.map(quoted).join(" ")],
      ["Machine", batchMachine(job)],
      ["Agree", agreeWords(job)],
      ["Files", job.files.map(clean).join(", ")],
      ["Verdict", verdict && colours.bold(clean(verdict.sentence))],
      ["Digest", verdict?.digest],
      [
        "Right",
        verdict?.credibility == null ? null : `with ${(verdict.credibility * 100).toFixed(2)} % by the evidence`,
      ],
      ["Recalled", verdict?.recalled_at && recallWords(verdict.recalled_at, verdict.recheck)],
      ...reasonFacts(job),
      ["Rate", `at most ${money(job.price_per_hour)}/h for each execution`],
      ["Cost", costWords(job)],
      ["Refunded", Number(job.refunded) > 0 ? money(job.refunded) : null],
      ["Submitted", `${moment(job.submitted_at)} (${age(job.submitted_at, io.now())} ago)`],
      ["Result", job.status === "completed" ? `berth result ${job.id}` : null],
    ],
    colours,
  );
}

function describeRental(io: Io, job: JobView): string {
  const gpus = job.gpu_count === 0 ? "no GPU" : `${job.gpu_count} × ${job.gpu_model ?? "GPU"}`;
  const declared = job.declared ? ", declared by their owner" : "";
  const left = job.expires_at === null ? null : span((Date.parse(job.expires_at) - io.now().getTime()) / 1000);
  return renderFacts(
    [
      ...headOf(io, job),
      ["Where", `${clean(job.provider_name)} (${clean(job.region)})`],
      [
        "Machine",
        `${gpus}${declared}, ${counted(job.cpu_cores, "core")}, ${job.memory_gb} GB memory, ${job.storage_gb} GB storage`,
      ],
      ["Image", job.runtime === "process" ? "none: plain processes" : clean(job.image)],
      ...reasonFacts(job),
      ["Rate", `${money(job.price_per_hour)}/h`],
      ["Cost", costWords(job)],
      ["Ran", job.started_at === null ? null : span(job.running_seconds)],
      ["Ends", isOver(job) || job.expires_at === null ? null : `${moment(job.expires_at)} (in ${left})`],
      ["Shell", job.ssh && job.status === "running" ? `berth ssh ${job.id}` : null],
      ["Host key", job.host_key_fingerprint],
    ],
    io.colours,
  );
}

type Facts = readonly (readonly [string, string | null | undefined])[];

function headOf(io: Io, job: AnyJobView): Facts {
  const unreachable = job.kind === "rental" && job.unreachable ? " (its provider is out of reach: not charged)" : "";
  return [
    ["Name", io.colours.bold(clean(job.name))],
    ["ID", job.id],
    ["Status", `${painted(job.status, io.colours)}${unreachable}`],
  ];
}

/** Why it ended or waits, whose fault that is, and what to do. */
export function reasonFacts({ reason }: AnyJobView): Facts {
  if (!reason) return [];
  const fault = reason.fault === "nobody" ? "" : ` (fault: ${reason.fault})`;
  return [
    ["Reason", `${clean(reason.sentence)}${fault}`],
    ["To do", clean(reason.remedy)],
  ];
}

function costWords({ cost_so_far, held }: AnyJobView): string {
  return /^0\.0+$/.test(held) ? money(cost_so_far) : `${money(cost_so_far)} so far, ${money(held)} held`;
}

function batchMachine(job: BatchJobView): string {
  const model = job.gpu_model === null ? "GPU" : clean(job.gpu_model);
  const gpus = job.gpu_count > 0 ? `, ${job.gpu_count} × ${model}` : "";
  return `${counted(job.required_cpu, "core")}, ${job.required_memory} GB memory${gpus}, ${job.timeout_seconds} s at most`;
}

function agreeWords(job: BatchJobView): string {
  if (quorumOf(job) === 1) return "nobody has to: one result is taken, unverified";
  return `${quorumOf(job)} of up to ${job.redundancy} at once, compared ${comparatorWords(job)}`;
}

function comparatorWords({ comparator }: BatchJobView): string {
  switch (comparator.kind) {
    case "exact":
      return "byte by byte";
    case "json":
      return "as JSON";
    case "numeric":
      return `as numbers (rtol ${comparator.rtol}, atol ${comparator.atol})`;
    case "files":
      return "by the files alone";
  }
}

function recallWords(at: string, recheck: string | null): string {
  const again = recheck === null ? "" : `; verified again by ${recheck}`;
  return `${moment(at)}: a machine that it rested on was caught${again}`;
}

/** As a shell would need it. */
export function quoted(argument: string): string {
  const shown = clean(argument);
  return /^[\w@%+=:,./-]+$/.test(shown) ? shown : `'${shown.replaceAll("'", `'\\''`)}'`;
}
