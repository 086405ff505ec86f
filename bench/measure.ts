// How the benchmarks count: work done by several at once, its rate, and how long each piece took.

export interface Measured {
  readonly count: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
}

/** Ends a run: so many pieces of work in all or in each loop, or so much time, whichever is reached first. */
export interface Until {
  readonly count?: number;
  readonly each?: number;
  readonly seconds?: number;
}

/**
 * Runs `work` from `concurrency` loops at once.
 * @param work told which piece of all it is, which loop it runs in, and which piece of that loop it is
 */
export async function measure(
  concurrency: number,
  until: Until,
  work: (piece: number, loop: number, ofLoop: number) => Promise<unknown>,
): Promise<Measured> {
  const { count = Infinity, each = Infinity, seconds = Infinity } = until;
  const tookMs: number[] = [];
  const startedAtMs = performance.now();
  const deadlineMs = startedAtMs + seconds * 1000;
  let next = 0;
  async function run(loop: number) {
    for (let ofLoop = 0; ofLoop < each && next < count && performance.now() < deadlineMs; ofLoop++) {
      const piece = next++;
      const pieceStartedAtMs = performance.now();
      await work(piece, loop, ofLoop);
      tookMs.push(performance.now() - pieceStartedAtMs);
    }
  }
  await Promise.all(Array.from({ length: concurrency }, (_, loop) => run(loop)));
  return summary(tookMs, (performance.now() - startedAtMs) / 1000);
}

export function summary(tookMs: number[], seconds: number): Measured {
  const sorted = tookMs.toSorted((a, b) => a - b);
  const quantile = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
  return {
    count: sorted.length,
    seconds,
    perSecond: sorted.length / seconds,
    p50Ms: quantile(0.5),
    p95Ms: quantile(0.95),
  };
}

/** One line of the result: what Berth does beside what it is held against, both as they should be printed. */
export interface Row {
  readonly what: string;
  readonly berth: string;
  readonly baseline: string;
  readonly against: string;
  readonly ratio: number;
}

export const perSecond = ({ perSecond: rate }: Measured) => `${Math.round(rate).toLocaleString("en")}/s`;
const ms = (value: number) => `${value.toFixed(value < 1 ? 2 : value < 100 ? 1 : 0)} ms`;
export const times = ({ p50Ms, p95Ms }: Measured) => `p50 ${ms(p50Ms)}, p95 ${ms(p95Ms)}`;

export function rateRow(what: string, ours: Measured, against: string, theirs: Measured): Row {
  return {
    what,
    berth: `${perSecond(ours)}; ${times(ours)}`,
    baseline: `${perSecond(theirs)}; ${times(theirs)}`,
    against,
    ratio: ours.perSecond / theirs.perSecond,
  };
}

/** For work where only its length matters; here a smaller ratio is the better one. */
export function latencyRow(what: string, ours: Measured, against: string, theirs: Measured): Row {
  return { what, berth: times(ours), baseline: times(theirs), against, ratio: ours.p95Ms / theirs.p95Ms };
}

/** A Markdown table, so that a terminal and docs/bench.md show the same. */
export function table(rows: readonly Row[]): string {
  const cells = rows.map((row) => [row.what, row.berth, row.baseline, row.against, row.ratio.toPrecision(2)]);
  return [["what", "Berth", "baseline", "which is", "Berth ÷ baseline"], ["---", "---", "---", "---", "---:"], ...cells]
    .map((line) => `| ${line.join(" | ")} |`)
    .join("\n");
}
