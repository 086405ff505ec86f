// A real redis-server for a test file. Where none is installed the file fails with a sentence that says how to get it.
import { type RunningRedis, startRedis } from "../../scripts/redis.ts";

export type TestRedis = RunningRedis;

/** Call it in a file's `beforeAll`, and `stop()` it in `afterAll`. */
export function testRedis(): Promise<TestRedis> {
  return startRedis();
}
