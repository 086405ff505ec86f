// When what came from many is written together: at once where nothing was written lately, otherwise in a rhythm that keeps
// a statement set for each out of the database, and sooner where somebody waits for it.

const EVERY_MS = 250;
/** Where somebody hurries: still not one batch for each who does. */
const HURRIED_EVERY_MS = 25;
const MOST_AT_ONCE = 2000;

export interface PacedBatch<T> {
  add(one: T): void;
  /** What waits now, or comes while a batch is written, waits no longer than it must. */
  hurry(): void;
}

/** @param write never throws; one batch is written at a time */
export function pacedBatch<T>(write: (some: readonly T[]) => Promise<void>): PacedBatch<T> {
  const waiting: T[] = [];
  let writing = false;
  let hurried = false;
  let lookAgain = () => {};
  let lastMs = Number.NEGATIVE_INFINITY;

  function untilDue(): Promise<void> {
    return new Promise((resolve) => {
      const leftMs = () => lastMs + (hurried ? HURRIED_EVERY_MS : EVERY_MS) - performance.now();
      if (leftMs() <= 0) return resolve();
      let timer = setTimeout(resolve, leftMs());
      lookAgain = () => {
        clearTimeout(timer);
        timer = setTimeout(resolve, leftMs());
      };
    });
  }

  async function writeAll(): Promise<void> {
    writing = true;
    while (waiting.length > 0) {
      await untilDue();
      lastMs = performance.now();
      hurried = false;
      await write(waiting.splice(0, MOST_AT_ONCE));
    }
    writing = false;
  }

  return {
    add(one) {
      waiting.push(one);
      if (!writing) void writeAll();
    },
    hurry() {
      if (hurried || waiting.length === 0) return;
      hurried = true;
      lookAgain();
    },
  };
}
