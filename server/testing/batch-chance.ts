// What chance has customers wish for and machines answer, in random histories of batch jobs.
import type { z } from "zod";
import type { BatchBody } from "../../protocol/batch.ts";
import type { Played } from "./batch-world.ts";
import { GPU_MODEL } from "./world.ts";

/** uniform in [0, 1) */
export type Chance = () => number;

export function oneOf<T>(chance: Chance, all: readonly T[]): T | undefined {
  return all[Math.floor(chance() * all.length)];
}
export const below = (chance: Chance, n: number) => Math.floor(chance() * n);

const COMPARATORS = [
  { kind: "exact" },
  { kind: "exact" },
  { kind: "json" },
  { kind: "numeric", rtol: 1e-3, atol: 0 },
  { kind: "files" },
] as const;
export type ComparatorKind = (typeof COMPARATORS)[number]["kind"];

export function anyWish(chance: Chance, key: string): z.input<typeof BatchBody> {
  const comparator = oneOf(chance, COMPARATORS) ?? COMPARATORS[0];
  const redundancy = 1 + below(chance, 5);
  const high = redundancy >= 3 && chance() < 0.25;
  const gpus = chance() < 0.3 ? 1 + below(chance, 2) : 0;
  const network = chance() < 0.1;
  const withEnvironment = chance() < 0.2;
  const price = oneOf(chance, ["2.000000", "2.000000", "2.000000", "0.410000", undefined]);
  return {
    ...{ kind: "batch", name: key, docker_image: "alpine", command: ["true"], comparator, redundancy, network },
    consensus: Math.min(redundancy, 1 + below(chance, 3)),
    assurance: high ? "high" : "standard",
    dispatch: chance() < 0.7 ? "lazy" : "eager",
    files: comparator.kind === "files" || chance() < 0.2 ? ["out"] : [],
    environment: withEnvironment ? { A: "1" } : {},
    reusable: !network && !withEnvironment && chance() < 0.7,
    required_cpu: 1 + below(chance, 2),
    ...(gpus > 0 && { gpu_count: gpus, ...(chance() < 0.5 && { gpu_type: GPU_MODEL }) }),
    timeout_seconds: oneOf(chance, [10, 30, 300]) ?? 30,
    queue_timeout: oneOf(chance, [30, 120, 600]) ?? 120,
    ...(price !== undefined && { max_price: price }),
  };
}

/** How a machine is for a whole history. */
export type Character = "honest" | "liar" | "broken" | "slow";

export const LIE = "a lie";

/** What agrees with every other right answer under its comparator, though not always byte by byte. */
function right(chance: Chance, kind: ComparatorKind): Played {
  const other = chance() < 0.5;
  if (kind === "json") return { stdout: other ? '{"a":1,"b":[2.0]}' : '{ "b": [2], "a": 1 }' };
  if (kind === "numeric") return { stdout: other ? "1.0000 right" : "1.0002 right" };
  const files = [{ path: "out/a", content: "right" }];
  return kind === "files" ? { stdout: other ? "any" : "other", files } : { stdout: "right" };
}

/** @param lie the same from all that collude */
function wrong(kind: ComparatorKind, lie: string): Played {
  const stdout = kind === "json" ? JSON.stringify(lie) : lie;
  return kind === "files" ? { stdout, files: [{ path: "out/a", content: lie }] } : { stdout };
}

/** An answer by character: mostly a result, sometimes one of all the ways to have none. */
export function anyAnswer(chance: Chance, character: Character, kind: ComparatorKind, lie: string): Played {
  const runMs = below(chance, 40_000);
  const result = character === "liar" ? wrong(kind, lie) : right(chance, kind);
  if (chance() > (character === "broken" ? 0.6 : 0.12)) return { ...result, runMs };
  switch (below(chance, 7)) {
    case 0:
      return { runMs, outcome: "refused", end: "cannot-run", stdout: "" };
    case 1:
      return { ...result, runMs, hash: "0".repeat(64) };
    case 2:
      return { runMs, outcome: "failed", end: "exit-code", exitCode: 1 + below(chance, 2), stdout: "" };
    case 3:
      return { runMs, outcome: "failed", end: "infrastructure", stdout: "" };
    case 4:
      return { runMs, stdout: "nul \0 inside" };
    case 5:
      return { runMs, outcome: "failed", end: "timed-out", stdout: "" };
    default:
      return { ...result, runMs, files: [{ path: "etc/passwd", content: "never asked for" }] };
  }
}
