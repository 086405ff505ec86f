// How busy a machine was in the last hours: its GPUs together, and its cores.
import type { SampleView } from "../../protocol/provider-views.ts";
import { Panel } from "../shell/page.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { Moment } from "../ui/time.tsx";
import { gpuMean, linePath, thinned } from "./chart.ts";
import { gigabytes } from "./words.ts";

interface UsageChartProps {
  readonly samples: readonly SampleView[];
  readonly minutes: number;
  /** RFC 3339 */
  readonly now: string;
  readonly hasGpus: boolean;
}

const ROWS = 12;
const whole = (value: number) => `${Math.round(value)} %`;

const COLUMNS: readonly Column<SampleView>[] = [
  { head: "At", cell: ({ at }) => <Moment at={at} /> },
  { head: "GPUs", cell: gpuWords, right: true, className: "num" },
  { head: "Cores", cell: ({ cpu_percent: cpu }) => whole(cpu), right: true, className: "num" },
  { head: "Memory", cell: ({ memory_used_mb: memory }) => gigabytes(memory), right: true, className: "num" },
];

function gpuWords(sample: SampleView): string {
  const mean = gpuMean(sample);
  return mean === null ? "not told" : whole(mean);
}

export function UsageChart({ samples, minutes, now, hasGpus }: UsageChartProps) {
  const [oldest] = samples;
  const last = samples.at(-1);
  const hours = `last ${minutes / 60} h`;
  if (!oldest || !last || oldest.at === last.at) {
    return (
      <Panel title="Usage" note={hours}>
        <p className="text-cell text-ink-3">
          {last ? "The first minute is in; a line needs two." : "No report in this time."} Usage is kept once a minute
          while it reports.
        </p>
      </Panel>
    );
  }
  const to = Date.parse(now);
  const from = Math.max(to - minutes * 60_000, Date.parse(oldest.at)); // a new machine fills the whole width
  const cpu = samples.map(({ at, cpu_percent }) => ({ at: Date.parse(at), value: cpu_percent }));
  const gpu = samples.map((sample) => ({ at: Date.parse(sample.at), value: gpuMean(sample) }));
  const gpuNow = gpuMean(last);
  const told = hasGpus && gpu.some(({ value }) => value !== null);
  return (
    <Panel title="Usage" note={hours}>
      <div
        role="img"
        aria-label={`Usage in the ${hours}; last reported ${told && gpuNow !== null ? `GPUs ${whole(gpuNow)}, ` : ""}cores ${whole(last.cpu_percent)}.`}
      >
        <p aria-hidden="true" className="mb-2 flex flex-wrap gap-x-5 text-small">
          {told && gpuNow !== null && (
            <span className="text-use">
              <Stroke dashed={false} /> GPUs <span className="num">{whole(gpuNow)}</span>
            </span>
          )}
          <span className="text-mining">
            <Stroke dashed /> Cores <span className="num">{whole(last.cpu_percent)}</span>
          </span>
        </p>
        <div className="grid grid-cols-[2.5rem_1fr] gap-x-2" aria-hidden="true">
          <div className="num flex h-36 flex-col justify-between text-right text-ink-3 text-small leading-none">
            <span>100 %</span>
            <span>50</span>
            <span>0</span>
          </div>
          <svg
            viewBox="0 0 100 100"
            preserveAspectRatio="none"
            className="h-36 w-full overflow-visible"
            aria-hidden="true"
          >
            {[0, 50, 100].map((at) => (
              <path key={at} d={`M0 ${at}H100`} className="stroke-line" vectorEffect="non-scaling-stroke" />
            ))}
            <path
              d={linePath(cpu, from, to)}
              fill="none"
              strokeWidth="2"
              strokeDasharray="5 4"
              className="stroke-mining"
              vectorEffect="non-scaling-stroke"
            />
            {told && (
              <path
                d={linePath(gpu, from, to)}
                fill="none"
                strokeWidth="2"
                className="stroke-use"
                vectorEffect="non-scaling-stroke"
              />
            )}
          </svg>
        </div>
        <p aria-hidden="true" className="mt-1 ml-12 flex justify-between text-ink-3 text-small">
          <Moment at={new Date(from).toISOString()} />
          <span>now</span>
        </p>
      </div>
      <details className="mt-2 text-small">
        <summary className="w-fit py-1 text-ink-2 underline decoration-edge underline-offset-3">As a table</summary>
        <Table
          className="-mx-4 mt-2"
          caption={`Usage in the ${hours}`}
          columns={COLUMNS}
          rows={thinned(samples, ROWS)}
          keyOf={({ at }) => at}
        />
      </details>
    </Panel>
  );
}

function Stroke({ dashed }: { readonly dashed: boolean }) {
  return (
    <svg viewBox="0 0 18 8" className="inline h-2 w-[1.125rem]" aria-hidden="true">
      <path d="M0 4h18" stroke="currentColor" strokeWidth="2" {...(dashed ? { strokeDasharray: "5 4" } : {})} />
    </svg>
  );
}
