// Shapes of the portal's charts, in the unit square of an SVG that is stretched over its box. Drawn on the server.
import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import { uptime } from "../../domain/provider/uptime.ts";
import type { OwnProviderView, SampleView } from "../../protocol/provider-views.ts";

const DAY_MS = 86_400_000;
/** Samples come once a minute; a longer silence than this is a gap and no line crosses it. */
const GAP_MS = 4 * 60_000;

export interface Point {
  readonly at: number;
  /** 0…100; null: not told */
  readonly value: number | null;
}

/** @returns an SVG path over [from, to] × [0, 100] in a box of 100 × 100 */
export function linePath(points: readonly Point[], from: number, to: number): string {
  const x = scaleLinear([from, to], [0, 100]);
  const y = scaleLinear([0, 100], [100, 0]).clamp(true);
  const broken = points.flatMap((point, n): readonly Point[] => {
    const before = points[n - 1];
    return before && point.at - before.at > GAP_MS ? [{ at: point.at, value: null }, point] : [point];
  });
  const draw = line<Point>()
    .defined(({ value }) => value !== null)
    .x(({ at }) => x(at))
    .y(({ value }) => y(value ?? 0))
    .digits(2);
  return draw(broken) ?? "";
}

/** The mean over the GPUs that told their use; null where none did. */
export function gpuMean(sample: SampleView): number | null {
  const { gpus } = sample;
  if (gpus.length === 0) return null;
  return gpus.reduce((sum, gpu) => sum + gpu.utilization_percent, 0) / gpus.length;
}

/** At most so many samples, evenly, the last one always among them. */
export function thinned<T>(all: readonly T[], most: number): T[] {
  if (all.length <= most) return [...all];
  return Array.from({ length: most }, (_, n) => all[Math.round(((n + 1) * all.length) / most) - 1]).filter(
    (one): one is T => one !== undefined,
  );
}

export interface DayReach {
  /** of UTC, YYYY-MM-DD */
  readonly day: string;
  /** seconds out of reach; null where the machine was not enrolled yet */
  readonly downSeconds: number | null;
}

/** The last so many days of UTC, today last. */
export function reachByDay(
  machine: Pick<OwnProviderView, "created_at" | "downtimes">,
  now: Date,
  days: number,
): DayReach[] {
  const downtimes = machine.downtimes.map(({ started_at, ended_at }) => ({
    startedAt: new Date(started_at),
    endedAt: ended_at === null ? null : new Date(ended_at),
  }));
  const today = Math.floor(now.getTime() / DAY_MS) * DAY_MS;
  const enrolled = Date.parse(machine.created_at);
  return Array.from({ length: days }, (_, n) => {
    const from = today - (days - 1 - n) * DAY_MS;
    const until = new Date(Math.min(from + DAY_MS, now.getTime()));
    const { downMs } = uptime(new Date(from), until, downtimes, []);
    return {
      day: new Date(from).toISOString().slice(0, 10),
      downSeconds: from + DAY_MS <= enrolled ? null : Math.floor(downMs / 1000),
    };
  });
}

/** Heights of bars, 0…100, of decimal strings of USD. The digits of money decide, a float only draws. */
export function barHeights(amounts: readonly string[]): number[] {
  const values = amounts.map(Number);
  const height = scaleLinear([0, Math.max(0, ...values)], [0, 100]);
  return values.map((value) => (value > 0 ? Math.max(1.5, height(value)) : 0));
}
