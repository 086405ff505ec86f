// How much of its time a machine was in reach, a box for each of the last days.
import clsx from "clsx";
import type { OwnProviderView } from "../../protocol/provider-views.ts";
import { Panel } from "../shell/page.tsx";
import { roughSpan } from "../ui/span.ts";
import { Moment } from "../ui/time.tsx";
import { type DayReach, reachByDay } from "./chart.ts";
import { percent } from "./words.ts";

interface UptimeProps {
  readonly machine: OwnProviderView;
  /** RFC 3339 */
  readonly now: string;
}

const DAYS = 30;
const MOST_ROWS = 20;

export function UptimePanel({ machine, now }: UptimeProps) {
  const days = reachByDay(machine, new Date(now), DAYS);
  const broken = days.filter(({ downSeconds }) => downSeconds !== null && downSeconds > 0).length;
  const downtimes = [...machine.downtimes].reverse().slice(0, MOST_ROWS);
  return (
    <Panel title="Uptime" note={`last ${DAYS} days, or since it was first seen`}>
      <p className="font-[500] font-mono text-figure tabular-nums tracking-[-0.02em]">
        {machine.uptime === null ? "—" : percent(machine.uptime)}
      </p>
      <p className="text-ink-3 text-small">
        {machine.uptime === null
          ? "It was not seen yet."
          : `${roughSpan(machine.downtime_seconds * 1000)} out of reach; announced maintenance is excused.`}
      </p>
      <div
        role="img"
        aria-label={`${broken} of the last ${DAYS} days had a time out of reach.`}
        className="mt-3 grid grid-cols-15 gap-[3px] sm:grid-cols-30"
      >
        {days.map((day) => (
          <DayBox key={day.day} {...day} />
        ))}
      </div>
      <p aria-hidden="true" className="mt-2 flex flex-wrap gap-x-4 gap-y-1 text-ink-3 text-small">
        <span className="inline-flex items-center gap-1.5">
          <span className="w-2.5">
            <DayBox day="" downSeconds={0} />
          </span>
          in reach all day
        </span>
        <span className="inline-flex items-center gap-1.5">
          <span className="w-2.5">
            <DayBox day="" downSeconds={30_000} />
          </span>
          the empty part: out of reach
        </span>
      </p>
      {downtimes.length > 0 && (
        <details className="mt-2 text-small">
          <summary className="w-fit py-1 text-ink-2 underline decoration-edge underline-offset-3">
            Times out of reach
          </summary>
          <ul className="mt-1 text-cell">
            {downtimes.map(({ started_at, ended_at }) => (
              <li key={started_at} className="flex flex-wrap gap-x-4 border-line border-b border-dashed py-1.5">
                <Moment at={started_at} withDay />
                <span>
                  {ended_at === null
                    ? `for ${roughSpan(Date.parse(now) - Date.parse(started_at))} so far`
                    : `for ${roughSpan(Date.parse(ended_at) - Date.parse(started_at))}`}
                </span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </Panel>
  );
}

const DAY_SECONDS = 86_400;

/** Full where nothing was missed; what was missed is empty from the top. A dashed box: not enrolled yet. */
function DayBox({ day, downSeconds }: DayReach) {
  if (downSeconds === null) return <span className="block h-6 border border-line-strong border-dashed" />;
  const up = 1 - downSeconds / DAY_SECONDS;
  const lost = downSeconds > 0;
  // A minute must be seen in a box of 24 pixels.
  const filled = lost ? Math.min(88, Math.max(0, up * 100)) : 100;
  return (
    <span
      title={day && `${day}: ${lost ? `${roughSpan(downSeconds * 1000)} out of reach` : "in reach"}`}
      className={clsx("flex h-6 flex-col justify-end border", lost ? "border-bad" : "border-free")}
    >
      <span className={lost ? "bg-bad" : "bg-free"} style={{ height: `${filled}%` }} />
    </span>
  );
}
