// One directory per execution: what was asked of it, how it is, and how it ended. What runs is the engine's; this is what
// is known of it while the engine is away and after the agent was started anew.
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { BATCH_ENDS } from "../../../domain/execution/batch-state.ts";
import { END_CAUSES } from "../../../domain/execution/spec.ts";
import { isErrno, readJson, writeJson } from "../../files.ts";
import { SpecShape } from "../../spec.ts";
import type { FinishedRun } from "../finished-run.ts";

export const Order = z.strictObject({
  spec: SpecShape,
  /** The broker's clock minus this machine's, in milliseconds. */
  brokerAheadMs: z.number(),
});
export type Order = z.infer<typeof Order>;

const Bytes = z.base64();
const StoredRun = z.strictObject({
  outcome: z.enum(["completed", "failed", "refused"]),
  end: z.enum(BATCH_ENDS).nullable(),
  detail: z.string(),
  exitCode: z.int().nullable(),
  runMs: z.int().min(0),
  startedAt: z.iso.datetime().nullable(),
  stdout: Bytes,
  stderr: Bytes,
  files: z.array(z.strictObject({ path: z.string(), content: Bytes })),
});
type StoredRun = z.infer<typeof StoredRun>;

/** As it was last seen. An ended one stays ended. */
export const State = z.discriminatedUnion("phase", [
  z.strictObject({ phase: z.literal("starting") }),
  /** `since` by the broker's clock */
  z.strictObject({ phase: z.literal("running"), since: z.iso.datetime() }),
  z.strictObject({ phase: z.literal("ready"), port: z.int() }),
  z.strictObject({
    phase: z.literal("ended"),
    exitCode: z.int().nullable(),
    cause: z.enum(END_CAUSES),
    detail: z.string(),
    endedAt: z.iso.datetime(),
  }),
]);
export type State = z.infer<typeof State>;
export type Ended = Extract<State, { phase: "ended" }>;

/** Why the agent ended a program: written before it does, for the case that it does not see it through. */
const Cut = z.strictObject({ end: z.enum(BATCH_ENDS), detail: z.string() });

function files(dir: string) {
  return {
    order: join(dir, "order.json"),
    state: join(dir, "state.json"),
    run: join(dir, "run.json"),
    cut: join(dir, "cut.json"),
  };
}

export async function createRecord(dir: string, order: Order): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await writeOrder(dir, order);
}

export const readOrder = (dir: string) => readJson(files(dir).order, Order);
export const writeOrder = (dir: string, order: Order) => writeJson(files(dir).order, order);
export const readState = (dir: string) => readJson(files(dir).state, State);
export const writeState = (dir: string, state: State) => writeJson(files(dir).state, state);
export const readCut = (dir: string) => readJson(files(dir).cut, Cut);
export const writeCut = (dir: string, cut: z.infer<typeof Cut>) => writeJson(files(dir).cut, cut);

/** `started`: from now on it may have run; `fed`: its input was given to the last byte. */
export type Mark = "started" | "fed";

export async function mark(dir: string, name: Mark): Promise<void> {
  await (await open(join(dir, name), "a", 0o600)).close();
}

export async function isMarked(dir: string, name: Mark): Promise<boolean> {
  try {
    await (await open(join(dir, name), "r")).close();
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
}

export async function writeRun(dir: string, run: FinishedRun): Promise<void> {
  const stored: StoredRun = {
    ...run,
    startedAt: run.startedAt?.toISOString() ?? null,
    stdout: run.stdout.toString("base64"),
    stderr: run.stderr.toString("base64"),
    files: run.files.map(({ path, content }) => ({ path, content: content.toString("base64") })),
  };
  await writeJson(files(dir).run, stored);
}

export async function readRun(dir: string): Promise<FinishedRun | null> {
  const stored = await readJson(files(dir).run, StoredRun);
  if (!stored) return null;
  return {
    ...stored,
    startedAt: stored.startedAt === null ? null : new Date(stored.startedAt),
    stdout: Buffer.from(stored.stdout, "base64"),
    stderr: Buffer.from(stored.stderr, "base64"),
    files: stored.files.map(({ path, content }) => ({ path, content: Buffer.from(content, "base64") })),
  };
}

export function endedState(cause: Ended["cause"], detail: string, exitCode: number | null, at: Date): Ended {
  const storable = detail.slice(0, 2000).replace(/[^\P{C}\n]/gu, " "); // a log's last words may hold anything
  return { phase: "ended", exitCode, cause, detail: storable, endedAt: at.toISOString() };
}
