// Tables that fit the terminal: what does not fit is cut with an ellipsis, then the least needed columns go.
// Widths are those of the terminal's cells, so that wide scripts line up.
import cliTruncate from "cli-truncate";
import stringWidth from "string-width";
import type { Colours } from "../io.ts";
import { clean } from "./words.ts";

export interface Column<T> {
  readonly title: string;
  readonly cell: (row: T) => string;
  /** may be cut down to this many cells; without it, it is shown whole */
  readonly min?: number;
  /** the highest goes first where even the least does not fit; without it, it stays */
  readonly drop?: number;
  /** only with -o wide */
  readonly wide?: boolean;
  readonly right?: boolean;
  readonly paint?: (row: T, shown: string, colours: Colours) => string;
}

const GAP = 2;

/**
 * @param width cells of the terminal; Infinity cuts nothing
 * @returns lines, each ended
 */
export function renderTable<T>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  { width, colours, wide = false }: { width: number; colours: Colours; wide?: boolean },
): string {
  const shown = columns.filter((column) => wide || !column.wide);
  const cells = rows.map((row) => shown.map((column) => clean(column.cell(row)) || "-"));
  const natural = shown.map((column, i) =>
    Math.max(stringWidth(column.title), ...cells.map((line) => stringWidth(line[i] ?? ""))),
  );
  const widths = fitWidths(
    shown.map((column, i) => ({ ...column, natural: natural[i] ?? 0 })),
    wide ? Number.POSITIVE_INFINITY : width,
  );
  const line = (texts: readonly string[], paint: (index: number, text: string) => string) =>
    texts
      .flatMap((text, i) => {
        const cell = widths[i] ?? 0;
        if (cell === 0) return [];
        const cut = cliTruncate(text, cell);
        const pad = " ".repeat(cell - stringWidth(cut));
        return [shown[i]?.right ? `${pad}${paint(i, cut)}` : `${paint(i, cut)}${pad}`];
      })
      .join(" ".repeat(GAP))
      .trimEnd();
  const head = line(
    shown.map(({ title }) => title),
    (_, text) => colours.dim(text),
  );
  const body = rows.map((row, r) => line(cells[r] ?? [], (i, text) => shown[i]?.paint?.(row, text, colours) ?? text));
  return `${[head, ...body].join("\n")}\n`;
}

interface Wish {
  readonly natural: number;
  readonly min?: number;
  readonly drop?: number;
}

/** Cells for each column, gaps left out; 0 for one that goes. What stays never exceeds the width. */
export function fitWidths(wishes: readonly Wish[], width: number): number[] {
  const widths = wishes.map(({ natural }) => natural);
  const leasts = wishes.map(({ natural, min }) => Math.min(natural, min ?? natural));
  const total = (of: readonly number[]) => {
    const there = of.filter((_, i) => widths[i] !== 0);
    return there.reduce((sum, one) => sum + one, 0) + GAP * Math.max(0, there.length - 1);
  };
  while (total(leasts) > width) {
    const [worst] = wishes
      .map(({ drop }, i) => ({ drop: drop ?? 0, i }))
      .filter(({ drop, i }) => drop > 0 && widths[i] !== 0)
      .sort((a, b) => b.drop - a.drop);
    if (!worst) break;
    widths[worst.i] = 0;
  }
  shrink(widths, leasts, () => total(widths) - width);
  // Nothing may be left out any more: even what wanted to be whole is cut.
  shrink(
    widths,
    widths.map((one) => Math.min(one, 1)),
    () => total(widths) - width,
  );
  return widths;
}

/** Takes a cell at a time from the column that has the most to give. */
function shrink(widths: number[], leasts: readonly number[], over: () => number): void {
  while (over() > 0) {
    const [most] = widths
      .map((one, i) => ({ spare: one - (leasts[i] ?? one), one, i }))
      .filter(({ spare }) => spare > 0)
      .sort((a, b) => b.one - a.one);
    if (!most) return;
    widths[most.i] = most.one - 1;
  }
}

/** "Label:  value" lines; what has no value is left out. Values are sentences and stay whole. */
export function renderFacts(
  facts: readonly (readonly [string, string | null | undefined])[],
  colours: Colours,
): string {
  const there = facts.flatMap(([label, value]) => (value ? [[label, value] as const] : []));
  const widest = Math.max(0, ...there.map(([label]) => label.length)) + 1;
  return there.map(([label, value]) => `${colours.dim(`${label}:`.padEnd(widest))}  ${value}\n`).join("");
}
