// The first table as a picture: wrong results by attack and policy, on a logarithmic scale.
import { scaleLog } from "d3-scale";
import { type PlayedRow, POLICY_NAMES } from "./cells.ts";
import { POLICIES, type Policy } from "./simulate.ts";

const WIDTH = 880;
const LEFT = 290;
const TOP = 74;
const ROW = 34;
/** One wrong result of 60,000 is 0.0017 %; none at all stands left of the scale. */
const LEAST = 0.00001;
const ZERO_X = LEFT + 20;
const TICKS = [0.00001, 0.0001, 0.001, 0.01, 0.1, 1] as const;

/** Told apart by shape as well as by colour. */
const MARKS = {
  seed: { colour: "#b42318", path: "M-6,-6L6,6M-6,6L6,-6", filled: false },
  boinc: { colour: "#b25e09", path: "M0,-7L7,6L-7,6Z", filled: false },
  standard: { colour: "#175cd3", path: "M-6,0A6,6 0 1,0 6,0A6,6 0 1,0 -6,0Z", filled: true },
  high: { colour: "#067647", path: "M-6,-6H6V6H-6Z", filled: true },
} as const satisfies Record<Policy, { colour: string; path: string; filled: boolean }>;

export function chart(rows: readonly PlayedRow[]): string {
  const height = TOP + rows.length * ROW + 44;
  const x = scaleLog()
    .domain([LEAST, 1])
    .range([LEFT + 60, WIDTH - 30]);
  const bottom = TOP + rows.length * ROW;
  const grid = TICKS.map((tick) => {
    const at = x(tick).toFixed(1);
    return `<path d="M${at},${TOP}V${bottom}" stroke="#e4e7ec"/>${text(at, bottom + 18, `${tick * 100} %`, "middle")}`;
  });
  const lines = rows.map(({ name, cells }, n) => {
    const y = TOP + n * ROW + ROW / 2;
    const marks = POLICIES.map((policy) => {
      const { wrong } = cells[policy];
      // The four of a row stand a little apart, so that none hides another.
      const dy = (POLICIES.indexOf(policy) - 1.5) * 6;
      return mark(policy, wrong === 0 ? ZERO_X : x(Math.max(LEAST, wrong)), y + dy);
    });
    const rule = `<path d="M${LEFT},${y + ROW / 2}H${WIDTH - 30}" stroke="#f2f4f7"/>`;
    return `${rule}${text(LEFT - 12, y + 4, name, "end")}${marks.join("")}`;
  });
  const legend = POLICIES.map((policy, n) => {
    const at = LEFT + n * 145;
    return `${mark(policy, at, 48)}${text(at + 13, 52, POLICY_NAMES[policy], "start")}`;
  });
  const title = "Wrong results accepted in the end, share of all jobs";
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${title}" font-family="sans-serif" font-size="13">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="20" y="26" font-size="16" font-weight="600" fill="#101828">${title}</text>`,
    ...[...legend, ...grid, text(ZERO_X, bottom + 18, "none", "middle"), ...lines],
    "</svg>",
    "",
  ].join("\n");
}

function mark(policy: Policy, x: number, y: number): string {
  const { colour, path, filled } = MARKS[policy];
  const at = `transform="translate(${x.toFixed(1)},${y.toFixed(1)}) scale(0.75)"`;
  return `<path d="${path}" ${at} fill="${filled ? colour : "none"}" stroke="${colour}" stroke-width="2"/>`;
}

function text(x: number | string, y: number, words: string, anchor: "start" | "middle" | "end"): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="#344054">${words}</text>`;
}
