// What agents deliver for executions of batch jobs, and what is signed of it.
import { z } from "zod";
import { BATCH_ENDS } from "../domain/execution/batch-state.ts";

const executionId = z.string().regex(/^exec_[0-9a-z]{26}$/);
const hex64 = z.string().regex(/^[0-9a-f]{64}$/, "SHA-256 as 64 lower-case hexadecimal digits");
const Base64 = z.base64();

/** stdout and every file in base64, because a database takes no NUL and the wire no broken UTF-8 unnoticed. */
export const ResultReport = z.strictObject({
  execution_id: executionId,
  /** `completed`: exit code 0 and everything collected; `refused`: it was never begun, which costs nothing */
  outcome: z.enum(["completed", "failed", "refused"]),
  /** why there is no result; null where it completed */
  end: z.enum(BATCH_ENDS).nullable(),
  /** for people, such as the last words of the runtime */
  detail: z.string().max(2000),
  exit_code: z.int().nullable(),
  /** whole milliseconds from the start of its program to its end */
  run_ms: z.int().min(0).max(2_147_483_647),
  started_at: z.iso.datetime({ offset: true }).nullable(),
  stdout: Base64,
  /** the end of what it wrote to stderr */
  stderr: Base64,
  files: z.array(z.strictObject({ path: z.string().min(1).max(512), content: Base64 })).max(1024),
  /** SHA-256 of `manifestText` over stdout and files; of the empty result where there is none */
  result_hash: hex64,
  /** Ed25519 by the machine's key over `resultText`, base64 */
  signature: z.string().max(200),
});
export type ResultReport = z.infer<typeof ResultReport>;

/** Results of one machine together: at most a hundred, and 2 MiB in all. */
export const ResultsReport = z.strictObject({
  seq: z.int().min(1).max(Number.MAX_SAFE_INTEGER),
  results: z.array(ResultReport).min(1).max(100),
});
export type ResultsReport = z.infer<typeof ResultsReport>;

/** One answer a result: `accepted` also for the same one again; what is `refused` must not be sent again. */
export const ResultsAnswer = z.strictObject({
  results: z.array(
    z.strictObject({
      execution_id: z.string(),
      status: z.enum(["accepted", "late", "refused"]),
      detail: z.string(),
    }),
  ),
});
export type ResultsAnswer = z.infer<typeof ResultsAnswer>;

/** The bytes that a machine signs for one result. */
export function resultText(executionId: string, resultHash: string): string {
  return `berth-result-1\n${executionId}\n${resultHash}`;
}
