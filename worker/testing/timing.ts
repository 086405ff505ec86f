// A consumer's rhythm for tests: what takes minutes in a fleet takes a second here.
import type { ConsumerTiming } from "../../server/adapters/streams/consumer.ts";

export const QUICK: ConsumerTiming = {
  blockMs: 200,
  claimAfterMs: 1_500,
  claimEveryMs: 300,
  tidyEveryMs: 300,
  deadAfterMs: 3_000,
  retryMs: 100,
};
