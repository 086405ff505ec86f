// What is hashed of a result, and what of it is compared. The caller hashes; nothing here does.
import type { Comparator } from "../job/batch.ts";
import { canonicalJson } from "./canonical-json.ts";
import { canonicalNumbers, isNumericallyClose } from "./numeric.ts";

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

const MANIFEST = "berth-manifest-1";

/**
 * The text whose SHA-256 is the `result_hash` that an agent reports and the broker computes again: a first line with the
 * format's name, stdout, then files sorted by path. Injective: different outputs never give the same text. A path is a JSON
 * string, so that no character of it ends its line.
 */
export function manifestText(output: Output): string {
  return [MANIFEST, `stdout ${output.stdoutBytes} ${output.stdoutSha256}`, ...fileLines(output)].join("\n");
}

function fileLines({ files }: Output): readonly string[] {
  const lines = files.map(({ path, sha256, bytes }) => ({
    path,
    line: `file ${bytes} ${sha256} ${JSON.stringify(path)}`,
  }));
  const sorted = lines.sort((a, b) => (a.path === b.path ? compare(a.line, b.line) : compare(a.path, b.path)));
  return sorted.map(({ line }) => line);
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/**
 * The text whose SHA-256 is the `digest` that votes: under `exact` the manifest, under `json` the canonical form of stdout
 * (keys sorted, numbers as values) and the files, under `files` the files alone, under `numeric` as `json`, or where stdout is
 * no JSON its text with numbers as values; two numeric results with other digests may still agree, see `agrees`.
 * @param stdout decoded
 * @returns null where the comparator cannot read it, such as text that is no JSON: a failed execution
 */
export function canonicalText(comparator: Comparator, output: Output, stdout: string): string | null {
  if (comparator.kind === "exact") return manifestText(output);
  if (comparator.kind === "files") return ["berth-files-1", ...fileLines(output)].join("\n");
  const json = canonicalJson(stdout);
  // An empty line ends the files: theirs are never empty, and what follows is stdout to the end.
  if (json !== null) return [`berth-${comparator.kind}-1 json`, ...fileLines(output), "", json].join("\n");
  if (comparator.kind === "json") return null;
  return [TEXT_HEAD, ...fileLines(output), "", canonicalNumbers(stdout)].join("\n");
}

const TEXT_HEAD = "berth-numeric-1 text";

/**
 * Whether two results are the same under the comparator. For all but `numeric` that is the equality of digests. Numeric:
 * the same text but for numbers with |a − b| ≤ atol + rtol·max(|a|, |b|); symmetric, not transitive. Files have to be equal.
 */
export function agrees(comparator: Comparator, a: Compared, b: Compared): boolean {
  if (a.digest === b.digest) return true;
  if (comparator.kind !== "numeric") return false;
  const [left, right] = [stdoutIn(a.text), stdoutIn(b.text)];
  if (left.head !== right.head) return false;
  return isNumericallyClose(left.stdout, right.stdout, !left.head.startsWith(TEXT_HEAD), comparator);
}

function stdoutIn(text: string): { readonly head: string; readonly stdout: string } {
  const end = text.indexOf("\n\n");
  return { head: text.slice(0, end), stdout: text.slice(end + 2) };
}

export interface Compared {
  readonly digest: string;
  /** canonical text; read only by `numeric` */
  readonly text: string;
}
