// What is hashed of a result, and what of it is compared. The caller hashes; nothing here does.
import type { Comparator } from "../job/batch.ts";

export interface OutputFile {
  /** relative, with `/` between its parts */
  readonly path: string;
  /** SHA-256 of its content, lower-case hex */
  readonly sha256: string;
  readonly bytes: number;
}

export interface Output {
  /** SHA-256 of the raw bytes of stdout, lower-case hex */
  readonly stdoutSha256: string;
  readonly stdoutBytes: number;
  readonly files: readonly OutputFile[];
}

/**
 * The text whose SHA-256 is the `result_hash` that an agent reports and the broker computes again: a first line with the
 * format's name, stdout, then files sorted by path. Injective: different outputs never give the same text.
 */
export function manifestText(_output: Output): string {
  throw new Error("UNBUILT");
}

/**
 * The text whose SHA-256 is the `digest` that votes: under `exact` the manifest, under `json` the canonical form of stdout
 * (keys sorted, numbers as values) and the files, under `files` the files alone, under `numeric` as `json`; two numeric
 * results with other digests may still agree, see `agrees`.
 * @param stdout decoded
 * @returns null where the comparator cannot read it, such as text that is no JSON: a failed execution
 */
export function canonicalText(_comparator: Comparator, _output: Output, _stdout: string): string | null {
  throw new Error("UNBUILT");
}

/**
 * Whether two results are the same under the comparator. For all but `numeric` that is the equality of digests. Numeric:
 * the same text but for numbers with |a − b| ≤ atol + rtol·max(|a|, |b|); symmetric, not transitive.
 */
export function agrees(_comparator: Comparator, _a: Compared, _b: Compared): boolean {
  throw new Error("UNBUILT");
}

export interface Compared {
  readonly digest: string;
  /** canonical text; read only by `numeric` */
  readonly text: string;
}
