// Which attacks are played, and the tables that docs/verification.md shows of them.
import { type Cell, POLICIES, type Policy, simulate } from "./simulate.ts";
import type { Scenario, WorldSize } from "./world.ts";

const SYBILS = { ringOf: "all", seenAsOne: false } as const;

export const SCENARIOS: readonly (Scenario | null)[] = [
  null,
  { name: "always lie, 10 %", kind: "liar", share: 0.1, ...SYBILS },
  { name: "always lie, 30 %", kind: "liar", share: 0.3, ...SYBILS },
  { name: "opportunistic, 5 %", kind: "opportunist", share: 0.05, ...SYBILS },
  { name: "opportunistic, 10 %", kind: "opportunist", share: 0.1, ...SYBILS },
  { name: "opportunistic, 20 %", kind: "opportunist", share: 0.2, ...SYBILS },
  { name: "opportunistic, 20 %, rings of 5 strangers", kind: "opportunist", share: 0.2, ringOf: 5, seenAsOne: false },
  { name: "opportunistic, 20 %, owner found out", kind: "opportunist", share: 0.2, ringOf: "all", seenAsOne: true },
  { name: "sleepers, 30 %", kind: "sleeper", share: 0.3, ...SYBILS },
  { name: "copiers, 20 %", kind: "copier", share: 0.2, ...SYBILS },
];

export interface PlayedRow {
  readonly name: string;
  readonly cells: Readonly<Record<Policy, Cell>>;
}

export const POLICY_NAMES = {
  seed: "best-first 2 of 3",
  boinc: "BOINC adaptive",
  standard: "Berth standard",
  high: "Berth high",
} as const satisfies Record<Policy, string>;

export function playAll(size: WorldSize, seeds: readonly number[], told: (name: string) => void): PlayedRow[] {
  const play = (scenario: Scenario | null, over: WorldSize, name: string): PlayedRow => {
    told(name);
    const of = (policy: Policy) => simulate(over, scenario, policy, seeds);
    return { name, cells: { seed: of("seed"), boinc: of("boinc"), standard: of("standard"), high: of("high") } };
  };
  const rows = SCENARIOS.map((scenario) => play(scenario, size, scenario?.name ?? "nobody attacks"));
  const opportunists = SCENARIOS.find((scenario) => scenario?.name === "opportunistic, 20 %") ?? null;
  return [...rows, play(opportunists, { ...size, days: 3 }, "opportunistic, 20 %, all jobs within 3 days")];
}

const percent = (share: number) => (share === 0 ? "0" : `${(share * 100).toPrecision(2)} %`);
const runs = (perJob: number) => perJob.toFixed(2);

/** The same figure of all policies; Berth's is bold where a peer's is better. Of all of them less is better. */
function compared(rows: readonly PlayedRow[], of: (cell: Cell) => number, print: (value: number) => string): string {
  const lines = rows.map(({ name, cells }) => {
    const best = Math.min(of(cells.seed), of(cells.boinc));
    const figures = POLICIES.map((policy) => {
      const value = of(cells[policy]);
      const isBehind = policy !== "seed" && policy !== "boinc" && value > best;
      return isBehind ? `**${print(value)}**` : print(value);
    });
    return [name, ...figures];
  });
  return markdown(["attackers", ...POLICIES.map((policy) => POLICY_NAMES[policy])], lines);
}

function markdown(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const rule = head.map((_, n) => (n === 0 ? "---" : "---:"));
  return [head, rule, ...lines].map((line) => `| ${line.join(" | ")} |`).join("\n");
}

function details(rows: readonly PlayedRow[]): string {
  const maybe = (value: number | null, print: (value: number) => string) => (value === null ? "–" : print(value));
  const lines = rows.flatMap(({ name, cells }) =>
    (["standard", "high"] as const).map((policy) => {
      const cell = cells[policy];
      return [
        ...[`${name}; ${policy}`, percent(cell.wrongAtFirst), percent(cell.wrong), runs(cell.checksPerJob)],
        ...[maybe(cell.falselyCaught, percent), maybe(cell.caught, (share) => `${Math.round(share * 100)} %`)],
        ...[maybe(cell.daysToCatch, (days) => days.toPrecision(2)), maybe(cell.liesToCatch, String)],
      ];
    }),
  );
  const head = ["attackers; assurance", "wrong at first", "wrong after recall", "checks per job"];
  return markdown([...head, "honest caught", "liars caught", "days to that, median", "lies to that, median"], lines);
}

export function tables(rows: readonly PlayedRow[], { nodes, jobs }: WorldSize, seeds: readonly number[]): string {
  return [
    `${nodes} machines, ${jobs.toLocaleString("en")} jobs, seeds ${seeds.join(" and ")}. Bold: Berth is behind a peer.`,
    "Wrong results that stand in the end:",
    compared(rows, ({ wrong }) => wrong, percent),
    "Executions started for each job, checks and verifying again included:",
    compared(rows, ({ perJob }) => perJob, runs),
    "Jobs that never got a result:",
    compared(rows, ({ unresolved }) => unresolved, percent),
    "What Berth's checks do:",
    details(rows),
    bars(rows),
  ].join("\n\n");
}

/** DESIGN's bars, against 20 % opportunistic Sybils. */
const BARS = { standard: { wrong: 0.0075, perJob: 2.3 }, high: { wrong: 0.005, perJob: 3.3 } } as const;

function bars(rows: readonly PlayedRow[]): string {
  const cells = rows.find(({ name }) => name === "opportunistic, 20 %")?.cells;
  if (!cells) return "";
  const lines = (["standard", "high"] as const).map((policy) => {
    const { wrong, perJob } = cells[policy];
    const bar = BARS[policy];
    const met = (isMet: boolean) => (isMet ? "met" : "missed");
    return [
      POLICY_NAMES[policy],
      `${percent(wrong)} of at most ${percent(bar.wrong)}: ${met(wrong <= bar.wrong)}`,
      `${runs(perJob)} of at most ${runs(bar.perJob)}: ${met(perJob <= bar.perJob)}`,
    ];
  });
  return markdown(["bar at 20 % opportunistic Sybils", "wrong results", "executions per job"], lines);
}
