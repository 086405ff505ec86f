// Whether two results of a job agree, under its comparator; numeric ones are read for it, the others are told by digest.
import { createHash } from "node:crypto";
import { MAX_RESULT_BYTES } from "../../../domain/job/batch.ts";
import type { Panel } from "../../../domain/verification/decide.ts";
import { agrees, canonicalText, type Output } from "../../../domain/verification/manifest.ts";
import type { Tx } from "../../deps.ts";
import { deliveredTexts, type NewResult } from "../../repos/batch-verdicts.ts";
import type { Case } from "./judge.ts";

export function sha256(bytes: string | Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** What is hashed of a delivered result. */
export function outputOf(stdout: Uint8Array, files: NewResult["files"]): Output {
  return {
    stdoutSha256: sha256(stdout),
    stdoutBytes: stdout.byteLength,
    files: files.map(({ path, content }) => {
      const bytes = Buffer.from(content, "base64");
      return { path, sha256: sha256(bytes), bytes: bytes.byteLength };
    }),
  };
}

export function bytesOf({ stdoutBytes, files }: Output): number {
  return files.reduce((sum, { bytes }) => sum + bytes, stdoutBytes);
}

export const isTooLarge = (output: Output): boolean => bytesOf(output) > MAX_RESULT_BYTES;

/** Reads what numeric jobs delivered, in one statement for all of them. */
export async function comparing(tx: Tx, cases: readonly Case[]): Promise<(one: Case) => Panel["agrees"]> {
  const numeric = cases.filter(({ job }) => job.comparator.kind === "numeric");
  const members = numeric.flatMap((one) => one.members.filter(({ digest }) => digest !== null));
  const texts = await deliveredTexts(
    tx,
    members.map(({ id }) => id),
  );
  const familyOf = ({ job }: Case) => job.about ?? job.id;
  return (one) => {
    const { job } = one;
    if (job.comparator.kind !== "numeric") return (a, b) => a === b;
    const read = new Map<string, string>();
    // A check is held against what it is about.
    const panels = numeric.filter((other) => familyOf(other) === familyOf(one));
    for (const { id, digest } of panels.flatMap((other) => other.members)) {
      const delivered = digest === null ? undefined : texts.get(id);
      if (digest === null || !delivered) continue;
      const output = outputOf(Buffer.from(delivered.stdout), delivered.files);
      read.set(digest, canonicalText(job.comparator, output, delivered.stdout) ?? "");
    }
    const compared = (digest: string) => ({ digest, text: read.get(digest) ?? "" });
    return (a, b) => agrees(job.comparator, compared(a), compared(b));
  };
}
