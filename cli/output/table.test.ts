import fc from "fast-check";
import picocolors from "picocolors";
import stringWidth from "string-width";
import { describe, expect, test } from "vitest";
import { type Column, fitWidths, renderTable } from "./table.ts";

const plain = picocolors.createColors(false);
const ID = "job_01arz3ndektsv4rrffq69g5fav";

interface Row {
  readonly id: string;
  readonly name: string;
  readonly status: string;
}
const COLUMNS: readonly Column<Row>[] = [
  { title: "ID", cell: ({ id }) => id },
  { title: "NAME", cell: ({ name }) => name, min: 8, drop: 1 },
  { title: "STATUS", cell: ({ status }) => status, min: 6 },
  { title: "EVERYTHING", cell: ({ name }) => name, wide: true },
];
const rows: readonly Row[] = [
  { id: ID, name: "a-name-that-is-much-longer-than-anybody-would-want-to-read-in-a-table-of-jobs", status: "running" },
  {
    id: ID,
    name: "東京の計算ジョブ、とても長い名前がついています、本当に長い名前です、まだ続きます",
    status: "completed",
  },
  {
    id: ID,
    name: "👩‍🔬👨‍👩‍👧‍👦 family of scientists 👩‍🔬👨‍👩‍👧‍👦👩‍🔬👨‍👩‍👧‍👦👩‍🔬👨‍👩‍👧‍👦👩‍🔬👨‍👩‍👧‍👦👩‍🔬👨‍👩‍👧‍👦",
    status: "failed",
  },
];
const lines = (width: number, wide = false) =>
  renderTable(COLUMNS, rows, { width, colours: plain, wide }).trimEnd().split("\n");

describe("a table", () => {
  test.each([40, 80, 200])("of %i columns is never wider, also in wide scripts, and shows ids whole", (width) => {
    for (const line of lines(width)) expect(stringWidth(line), line).toBeLessThanOrEqual(width);
    for (const line of lines(width).slice(1)) expect(line).toContain(ID);
  });

  test("of 40 columns gives up the name before the id, of 80 cuts it with an ellipsis, of 200 cuts nothing", () => {
    expect(lines(40)[0]).toBe("ID                              STATUS");
    expect(lines(80)[1]).toMatch(/^job_\w{26} {2}a-name-.*… {2}running$/);
    expect(lines(200)[1]).toContain("in-a-table-of-jobs");
    expect(lines(200).join("\n")).not.toContain("…");
  });

  test("lines its columns up by what a terminal shows, not by letters", () => {
    const at = lines(80).map((line, i) =>
      stringWidth(line.slice(0, line.indexOf(["STATUS", "running", "completed", "failed"][i] ?? ""))),
    );
    expect(new Set(at).size).toBe(1);
  });

  test("that is wide cuts nothing, whatever the terminal", () => {
    const wide = lines(40, true);
    expect(wide[0]).toContain("EVERYTHING");
    expect(wide.join("\n")).not.toContain("…");
  });

  test("shows nothing that could drive the terminal", () => {
    const evil = [
      { id: "job_x", name: "\u001b]0;owned\u0007\u001b[2J\u001b[31mred\r\nnew\u202eline", status: "running" },
    ];
    const shown = renderTable(COLUMNS, evil, { width: 80, colours: plain });
    expect(shown.split("\n")).toHaveLength(3);
    expect(shown).toContain("red newline");
    expect(shown.replaceAll("\n", "")).toMatch(/^\P{Cc}*$/u);
  });

  test("paints after it has cut, so that colours take no room", () => {
    const painted = COLUMNS.map((column) => ({
      ...column,
      paint: (_: Row, shown: string) => `\u001b[32m${shown}\u001b[39m`,
    }));
    const shown = renderTable(painted, rows, { width: 60, colours: picocolors.createColors(true) });
    for (const line of shown.trimEnd().split("\n")) expect(stringWidth(line)).toBeLessThanOrEqual(60);
  });
});

test("columns never exceed the terminal, whatever they wish, while a cell each and the gaps have room", () => {
  const wish = fc.record({
    natural: fc.integer({ min: 1, max: 90 }),
    min: fc.option(fc.integer({ min: 1, max: 30 }), { nil: undefined }),
    drop: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(wish, { minLength: 1, maxLength: 9 }), fc.integer({ min: 1, max: 220 }), (wishes, width) => {
      const given = wishes.map(({ natural, min, drop }) => ({
        natural,
        ...(min === undefined ? {} : { min }),
        ...(drop === undefined ? {} : { drop }),
      }));
      const widths = fitWidths(given, width);
      const there = widths.filter((one) => one > 0);
      const total = there.reduce((sum, one) => sum + one, 0) + 2 * Math.max(0, there.length - 1);
      const kept = wishes.filter(({ drop }) => drop === undefined).length;
      if (width >= 3 * Math.max(1, kept) - 2) expect(total).toBeLessThanOrEqual(width);
      widths.forEach((one, i) => {
        expect(one).toBeLessThanOrEqual(wishes[i]?.natural ?? 0);
        if (wishes[i]?.drop === undefined) expect(one).toBeGreaterThan(0);
      });
    }),
  );
});
