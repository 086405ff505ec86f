// What every execution of this runtime has, and the loop that carries it on while engines come and go.
import type { ExecutionId } from "../../../domain/ids.ts";
import type { Log } from "../../log.ts";
import { type Backoff, backoffMs, rest } from "../../pace.ts";
import type { Engine } from "./engine.ts";
import type { Maker } from "./options.ts";
import type { Order, State } from "./records.ts";

export interface Execution {
  readonly id: ExecutionId;
  readonly dir: string;
  order: Order;
  state: State;
  /** aborted where it is to be left alone or taken away */
  stopping: AbortController;
  driving: Promise<void>;
  removing: Promise<void> | undefined;
  /** called when its order changed */
  changed: () => void;
}

/** What executions stand on. */
export interface Ground {
  /** @throws where no engine answers */
  engine(): Promise<Engine>;
  /** The engine that was given does not answer: the next asks anew. */
  lost(): void;
  maker(engine: Engine): Maker;
  setState(execution: Execution, state: State): Promise<void>;
  readonly log: Log;
}

const TROUBLE: Backoff = { firstMs: 500, capMs: 30_000 };
const LEAST_PAUSE_MS = 100;
/** After this long without trouble the next is the first again. */
const WELL_MS = 30_000;

/**
 * Passes again and again until the execution has ended. A pass finds out where the execution is and takes it on from
 * there, so that it may break off anywhere: an engine that goes away costs nothing but time.
 */
export async function drive(
  execution: Execution,
  ground: Ground,
  pass: (engine: Engine, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { signal } = execution.stopping;
  let failures = 0;
  while (!signal.aborted && execution.state.phase !== "ended") {
    const beganMs = performance.now();
    try {
      await pass(await ground.engine(), signal);
    } catch (error) {
      if (signal.aborted) return;
      ground.lost();
      if (performance.now() - beganMs > WELL_MS) failures = 0;
      const pauseMs = Math.max(LEAST_PAUSE_MS, backoffMs(TROUBLE, failures, Math.random()));
      if (failures === 0)
        ground.log.warn({ err: error, execution: execution.id }, "the engine is in trouble; trying again");
      failures += 1;
      await rest(pauseMs, signal);
    }
  }
}

/** Milliseconds left until a moment of this machine's clock, counted on from now on the clock that nobody sets. */
export function countdown(momentMs: number): () => number {
  const endsAtMs = performance.now() + momentMs - Date.now();
  return () => endsAtMs - performance.now();
}
