// job.yaml: the bodies of POST /jobs as YAML, as many documents as one likes. Everything is checked before any is sent.
import { type Document, LineCounter, type ParsedNode, parseAllDocuments } from "yaml";
import { z } from "zod";
import { BatchBody } from "../protocol/batch.ts";
import { RentalBody } from "../protocol/operations/job.ts";
import { CliError } from "./errors.ts";

/** What is sent: the body as it was written, once it is known to be good. */
export type JobInput = z.input<typeof RentalBody> | z.input<typeof BatchBody>;

const KINDS = { rental: RentalBody, batch: BatchBody } as const;

/** @throws CliError that names every wrong field, with its line */
export function readJobFile(text: string, file: string): JobInput[] {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  const documents = Array.isArray(parsed) ? parsed : [];
  const at = (offset: number) => `${file}:${lines.linePos(offset).line}`;
  const broken = documents.flatMap(({ errors }) => errors.map(({ pos, message }) => `${at(pos[0])}: ${message}`));
  if (broken.length > 0) throw new CliError(`${file} is not YAML.`, { details: broken });
  const jobs: JobInput[] = [];
  const wrong: string[] = [];
  for (const document of documents) {
    const value: unknown = document.toJS();
    if (value === null) continue; // an empty document, as after a last ---
    const checked = checkJob(value);
    if ("job" in checked) jobs.push(checked.job);
    else wrong.push(...checked.problems.map(({ path, message }) => `${at(offsetOf(document, path))}: ${message}`));
  }
  if (wrong.length > 0)
    throw new CliError(`${file} has mistakes; nothing was sent.`, {
      details: wrong,
      remedy: "Every field is described in the schema: berth schema",
    });
  if (jobs.length === 0) throw new CliError(`${file} has no job in it.`);
  return jobs;
}

type Path = readonly PropertyKey[];
type Checked = { readonly job: JobInput } | { readonly problems: readonly { path: Path; message: string }[] };

/** Against the schema of its own kind, so that a message is about what was meant. */
export function checkJob(value: unknown): Checked {
  const kind = typeof value === "object" && value !== null && "kind" in value ? value.kind : undefined;
  if (kind !== "rental" && kind !== "batch")
    return { problems: [{ path: ["kind"], message: "kind: is rental or batch" }] };
  const result = KINDS[kind].safeParse(value);
  // What the schema took is its input, to the letter.
  if (result.success) return { job: value as JobInput };
  return {
    problems: result.error.issues.flatMap(({ path, message, ...issue }) =>
      issue.code === "unrecognized_keys"
        ? issue.keys.map((key) => ({ path: [...path, key], message: `${nameOf([...path, key])}: is not known here` }))
        : [{ path, message: `${nameOf(path) || "job"}: ${message}` }],
    ),
  };
}

function nameOf(path: Path): string {
  return path.map(String).join(".");
}

/** Where a field stands; of one that is missing, where what should hold it begins. */
function offsetOf(document: Document.Parsed<ParsedNode>, path: Path): number {
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
