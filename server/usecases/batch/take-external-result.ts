// What a third-party worker delivers, as the result it would be of a machine of ours.
import { createHash } from "node:crypto";
import { AppError } from "../../../domain/errors.ts";
import type { BatchEnd } from "../../../domain/execution/batch-state.ts";
import { type ExecutionId, isId, type ProviderId } from "../../../domain/ids.ts";
import { MAX_RESULT_BYTES, MAX_STDERR_BYTES } from "../../../domain/job/batch.ts";
import { manifestText } from "../../../domain/verification/manifest.ts";
import type { WorkerResult } from "../../../protocol/operations/node.ts";
import type { ResultReport } from "../../../protocol/results.ts";
import { deliveredOn } from "../../repos/external-workers.ts";
import { type ResultDeps, takeResults } from "./take-results.ts";

export type ExternalDeps = ResultDeps;

type Said = Pick<WorkerResult, "result" | "result_hash" | "error_message" | "logs">;

/**
 * The worker's hash covers the very bytes of its `result`, so the broker hashes what it received and compares; what is
 * then compared with other workers' is our own hash of it. Workers have no key: nothing is signed.
 * @throws AppError `not-found` where there is no such execution of this job on this provider, `conflict` where it
 *   delivered another result before
 */
export async function takeExternalResult(
  deps: ExternalDeps,
  providerId: ProviderId,
  body: WorkerResult,
): Promise<void> {
  const { execution_id: id, job_id: jobId } = body;
  const known = isId("exec", id) && isId("job", jobId) ? await deliveredOn(deps.db, providerId, id, jobId) : null;
  if (!known) throw new AppError("not-found", "Execution not found: it is no execution of this job on this node.");
  const startedAt = known.startedAt ?? known.createdAt;
  const [answer] = (await takeResults(deps, providerId, [toReport(known.id, body, startedAt, deps.clock.now())]))
    .results;
  if (answer?.status === "refused") throw new AppError("conflict", answer.detail);
}

/** @param startedAt when it was handed out: the worker measures nothing that we could see */
export function toReport(id: ExecutionId, said: Said, startedAt: Date, now: Date): ResultReport {
  const result = said.result ?? "";
  const { end, detail, exitCode } = endOf(said);
  const stdout = Buffer.from(end === null ? result : "", "utf8");
  const manifest = manifestText({ stdoutSha256: sha256(stdout), stdoutBytes: stdout.byteLength, files: [] });
  return {
    execution_id: id,
    outcome: end === null ? "completed" : "failed",
    end,
    detail: detail.slice(0, 2000),
    exit_code: exitCode,
    run_ms: Math.min(2_147_483_647, Math.max(0, now.getTime() - startedAt.getTime())),
    started_at: startedAt.toISOString(),
    stdout: stdout.toString("base64"),
    stderr: Buffer.from(withoutNul(said.logs ?? ""), "utf8")
      .subarray(-MAX_STDERR_BYTES)
      .toString("base64"),
    files: [],
    result_hash: sha256(Buffer.from(manifest, "utf8")),
    signature: "",
  };
}

interface End {
  readonly end: BatchEnd | null;
  readonly detail: string;
  readonly exitCode: number | null;
}

const EXITED = /^Container exited with code (\d{1,3})$/;
const TIMED_OUT = /^Execution timeout\b/;

/** The seed's worker tells every failure in one sentence; two of them are known. */
function endOf({ result, result_hash: hash, error_message: error }: Said): End {
  if (error) {
    const exit = EXITED.exec(error);
    const end = exit ? "exit-code" : TIMED_OUT.test(error) ? "timed-out" : "infrastructure";
    return { end, detail: withoutNul(error), exitCode: exit ? Number(exit[1]) : null };
  }
  const bytes = Buffer.from(result ?? "", "utf8");
  if (bytes.byteLength > MAX_RESULT_BYTES)
    return failed("too-large", `The result has ${bytes.byteLength} bytes; at most ${MAX_RESULT_BYTES} are taken.`);
  if (bytes.includes(0)) return failed("not-text", "The result contains NUL; a result is text.");
  if (sha256(bytes) === hash) return { end: null, detail: "", exitCode: 0 };
  // Its JSON has no way to write such bytes: what arrived is not what it hashed, and nobody lied.
  if (result?.includes("\ufffd"))
    return failed("not-text", "The result is not UTF-8: what arrived is not what was hashed.");
  return failed("wrong-hash", "The result_hash is not the SHA-256 of the result that was sent.");
}

function failed(end: BatchEnd, detail: string): End {
  return { end, detail, exitCode: null };
}

function withoutNul(text: string): string {
  return text.replaceAll("\0", "\ufffd");
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
