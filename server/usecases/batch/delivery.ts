// One delivered result, read and checked by itself: what it claims, and whether that is true of what was sent.
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { promisify } from "node:util";
import type { BatchEnd } from "../../../domain/execution/batch-state.ts";
import type { ExecutionId, JobId } from "../../../domain/ids.ts";
import { MAX_STDERR_BYTES } from "../../../domain/job/batch.ts";
import { isExternal, isNode } from "../../../domain/provider/state.ts";
import { canonicalText, manifestText } from "../../../domain/verification/manifest.ts";
import { type ResultReport, resultText } from "../../../protocol/results.ts";
import type { Expected, NewResult } from "../../repos/batch-verdicts.ts";
import type { ProviderRow } from "../../repos/providers.ts";
import { isTooLarge, outputOf, sha256 } from "./comparing.ts";

export interface Delivery {
  readonly id: ExecutionId;
  readonly jobId: JobId;
  /** what is compared; null where there is nothing to compare */
  readonly digest: string | null;
  /** why; null where there is */
  readonly end: BatchEnd | null;
  readonly detail: string;
  readonly exitCode: number | null;
  /** as the machine measured it */
  readonly runMs: number;
  readonly startedAt: Date | null;
  /** as the machine reported it */
  readonly hash: string;
  readonly result: Omit<NewResult, "executionId">;
}

/** Who delivers; its key is read once for all of a batch. @property key null where nothing is signed */
export interface Machine {
  readonly key: KeyObject | null;
}

export function machineOf({ publicKey, runtime }: Pick<ProviderRow, "publicKey" | "runtime">): Machine {
  // What pods left is read by the worker itself; third-party workers have no key.
  if (isExternal(runtime) || isNode(runtime)) return { key: null };
  return { key: createPublicKey({ key: Buffer.from(publicKey, "base64"), format: "der", type: "spki" }) };
}

interface Fault {
  readonly end: BatchEnd;
  readonly detail: string;
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const LOSSY = new TextDecoder("utf-8", { ignoreBOM: true });
const UNSTORABLE = /[\0\p{Cs}]/gu;
const MOST_DETAIL = 2_000;

/** Whatever is wrong with it makes it a failed execution, and no error: it was delivered all the same. */
export async function readDelivery(machine: Machine, expected: Expected, report: ResultReport): Promise<Delivery> {
  const proven = isSigned(machine, report);
  const bytes = Buffer.from(report.stdout, "base64");
  const stdout = textOf(bytes);
  const storable = report.files.every(({ path }) => path.search(UNSTORABLE) < 0);
  const files = storable ? sorted(report.files) : [];
  const output = outputOf(bytes, files);
  const fault =
    forged(await proven) ??
    (report.outcome === "completed"
      ? (wrongSize(isTooLarge(output)) ??
        wrongHash(storable && sha256(manifestText(output)) === report.result_hash) ??
        undeclared(expected.files, files) ??
        notText(stdout))
      : { end: endOf(report), detail: report.detail });
  const compared = fault || stdout === null ? null : canonicalText(expected.comparator, output, stdout);
  const end = fault ?? (compared === null ? UNREADABLE : null);
  return {
    id: expected.id,
    jobId: expected.jobId,
    digest: compared === null ? null : sha256(compared),
    end: end?.end ?? null,
    detail: plain(end?.detail ?? report.detail).slice(0, MOST_DETAIL),
    exitCode: report.exit_code,
    runMs: report.run_ms,
    startedAt: report.started_at === null ? null : new Date(report.started_at),
    hash: report.result_hash,
    result: {
      // What is too large is not kept.
      stdout: isTooLarge(output) ? "" : plain(stdout ?? LOSSY.decode(bytes)),
      stderr: plain(LOSSY.decode(Buffer.from(report.stderr, "base64").subarray(-MAX_STDERR_BYTES))),
      files: isTooLarge(output) ? [] : files,
      signature: report.signature.replace(UNSTORABLE, ""),
    },
  };
}

const UNREADABLE: Fault = {
  end: "not-text",
  detail: "The comparator cannot read its output, such as text that is no JSON.",
};

/** A suspension, which costs nothing, is the broker's alone to say. */
function endOf({ outcome, end }: ResultReport): BatchEnd {
  if (end === "suspended") return "infrastructure";
  return end ?? (outcome === "refused" ? "cannot-run" : "infrastructure");
}

const proveSignature = promisify(verify);

/** Proven in another thread: a batch of a hundred would hold up everybody else for longer than its own transaction. */
async function isSigned({ key }: Machine, report: ResultReport): Promise<boolean> {
  if (key === null) return true;
  const text = Buffer.from(resultText(report.execution_id, report.result_hash));
  return proveSignature(null, text, key, Buffer.from(report.signature, "base64"));
}

function forged(signed: boolean): Fault | null {
  return signed ? null : { end: "wrong-hash", detail: "The signature is not of this machine's key over this result." };
}

function wrongSize(tooLarge: boolean): Fault | null {
  return tooLarge ? { end: "too-large", detail: "stdout and output files are larger than 1 MiB together." } : null;
}

function wrongHash(right: boolean): Fault | null {
  return right
    ? null
    : { end: "wrong-hash", detail: "The hash that the machine reported is not the hash of what it sent." };
}

/** Each file once, and only those that were asked for, or what lies in folders that were; in `.` lies everything. */
function undeclared(declared: readonly string[], files: NewResult["files"]): Fault | null {
  const asked = (path: string) =>
    declared.some(
      (wanted) => wanted === "." || path === wanted || path.startsWith(wanted.endsWith("/") ? wanted : `${wanted}/`),
    );
  const bad = files.find(({ path }, index) => !asked(path) || path === files[index - 1]?.path);
  return bad
    ? { end: "wrong-hash", detail: `It delivered ${bad.path}, which is not among the files asked for.` }
    : null;
}

function notText(stdout: string | null): Fault | null {
  if (stdout !== null && !stdout.includes("\0")) return null;
  return { end: "not-text", detail: "Its stdout is not UTF-8 text, or contains NUL." };
}

function textOf(bytes: Uint8Array): string | null {
  try {
    return UTF8.decode(bytes);
  } catch {
    return null;
  }
}

function plain(text: string): string {
  return text.replace(UNSTORABLE, "\ufffd");
}

function sorted(files: ResultReport["files"]): NewResult["files"] {
  return [...files].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}
