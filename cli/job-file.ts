// job.yaml: the bodies of POST /jobs as YAML, as many documents as one likes. Everything is checked before any is sent.
import { type Document, LineCounter, type ParsedNode, parseAllDocuments } from "yaml";
import { z } from "zod";
import { BatchBody } from "../protocol/batch.ts";
import { unfitFields } from "../protocol/batch-fit.ts";
import { RentalBody } from "../protocol/operations/job.ts";
import { type Misread, nameOf, type Read, readAs } from "../protocol/read.ts";
import { CliError } from "./errors.ts";

/** What is sent: the body as it was written, once it is known to be good. */
export type JobInput = z.input<typeof RentalBody> | z.input<typeof BatchBody>;

/** @throws CliError that names every wrong field, with its line */
export function readJobFile(text: string, file: string): JobInput[] {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  const documents = Array.isArray(parsed) ? parsed : [];
  const at = (offset: number) => `${file}:${lines.linePos(offset).line}`;
  const broken = documents.flatMap(({ errors }) => errors.map(({ pos, message }) => `${at(pos[0])}: ${message}`));
  if (broken.length > 0) throw new CliError(`${file} is not YAML.`, { details: broken });
  const jobs: JobInput[] = [];
  const wrong: { readonly offset: number; readonly words: string }[] = [];
  for (const document of documents) {
    const value = plainOf(document, file);
    if (value === null) continue; // an empty document, as after a last ---
    const checked = checkJob(value);
    if ("job" in checked) jobs.push(checked.job);
    else
      for (const { path, message } of checked.problems)
        wrong.push({ offset: offsetOf(document, path), words: `${nameOf(path) || "job"}: ${message}` });
  }
  if (wrong.length > 0)
    throw new CliError(`${file} has mistakes; nothing was sent.`, {
      details: wrong.sort((a, b) => a.offset - b.offset).map(({ offset, words }) => `${at(offset)}: ${words}`),
      remedy: "Every field is described in the schema: berth schema",
    });
  if (jobs.length === 0) throw new CliError(`${file} has no job in it.`);
  return jobs;
}

/** @throws CliError where aliases of aliases would make more of it than a machine holds */
function plainOf(document: Document.Parsed<ParsedNode>, file: string): unknown {
  try {
    return document.toJS();
  } catch {
    throw new CliError(`${file} has too many aliases, or one of nothing.`, {
      remedy: "Write out what they stand for.",
    });
  }
}

type Checked = { readonly job: JobInput } | { readonly problems: readonly Misread[] };

/** Against the schema of its own kind, so that a message is about what was meant; each field is named once. */
export function checkJob(value: unknown): Checked {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return { problems: [{ path: [], message: "is a map of fields, such as kind: batch" }] };
  const kind = "kind" in value ? value.kind : undefined;
  if (kind !== "rental" && kind !== "batch")
    return { problems: [{ path: ["kind"], message: `is ${kind === undefined ? "missing: " : ""}rental or batch` }] };
  const { problems } = kind === "rental" ? readAs(RentalBody, value) : readBatch(value);
  // What the schema took is its input, to the letter.
  return problems === null ? { job: value as JobInput } : { problems };
}

/** What does not go together is refused here already: a broker would do so when the jobs before it are made. */
function readBatch(value: object): Read<BatchBody> {
  const read = readAs(BatchBody, value);
  if (read.problems !== null) return read;
  const problems = unfitFields(read.data).map(({ field, message }) => ({ path: [field], message }));
  return problems.length > 0 ? { data: null, problems } : read;
}

/** Where a field stands; of one that is missing, where what should hold it begins. */
function offsetOf(document: Document.Parsed<ParsedNode>, path: Misread["path"]): number {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const node = document.getIn(path.slice(0, depth), true);
    if (typeof node === "object" && node !== null && "range" in node && Array.isArray(node.range)) {
      const [start] = node.range;
      if (typeof start === "number") return start;
    }
  }
  return document.contents?.range[0] ?? 0;
}

/** JSON Schema of one document, for editors. Draft 7 is what they know. */
export function jobSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(z.union([RentalBody, BatchBody]), {
    io: "input",
    target: "draft-7",
    unrepresentable: "any",
  });
  return { ...schema, title: "A job of Berth", description: "What `berth apply -f` takes: a rental or a batch job." };
}
