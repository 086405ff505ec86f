// job.yaml: the body of POST /jobs as people write it, read with the line of every key, and changed without losing comments.
import { Document, isCollection, isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import { toMoney } from "../market/query.ts";
import { isRecord, type JobField, type JobText, keyOf, yamlValue } from "./job-fields.ts";

export interface JobProblem {
  /** of the wire, such as `command.2`; "" where the whole is meant */
  readonly field: string;
  readonly message: string;
  /** 1 for the first */
  readonly line: number;
}

export interface ReadJob {
  /** as the wire takes it; null where it is no YAML */
  readonly body: unknown;
  readonly problems: readonly JobProblem[];
  /** the text says the body to the letter: nothing was read more kindly than the wire would */
  readonly literal: boolean;
  /** the line of a field of the wire: its own, or of the nearest thing that is written around it */
  lineOf(field: string): number;
}

/** Longer than anything the wire would take. */
const MOST_CHARACTERS = 1024 * 1024;

/** Aliases are refused: a few lines of them can stand for gigabytes. */
export function readJobYaml(text: string): ReadJob {
  const lines = new LineCounter();
  if (text.length > MOST_CHARACTERS) {
    return {
      ...{ body: null, literal: false, lineOf: () => 1 },
      problems: [{ field: "", message: "longer than 1 MiB", line: 1 }],
    };
  }
  const doc = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problems = doc.errors.map(({ message, pos }) => ({ field: "", message, line: lines.linePos(pos[0]).line }));
  const lineOf = (field: string) => lineIn(doc, lines, field ? field.split(".") : []);
  if (problems.length > 0) return { body: null, problems, literal: false, lineOf };
  try {
    if (!isMap(doc.contents)) throw new Error("a job is keys and values, such as name: my-job");
    const plain: unknown = doc.toJS({ maxAliasCount: 0 });
    const body = lenient(doc, plain);
    return { body, problems: [], literal: JSON.stringify(body) === JSON.stringify(plain), lineOf };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { body: null, problems: [{ field: "", message, line: 1 }], literal: false, lineOf };
  }
}

function lineIn(doc: Document.Parsed, lines: LineCounter, path: readonly string[]): number {
  let line = 1;
  let at: unknown = doc.contents;
  for (const step of path) {
    if (isMap(at)) {
      const pair = at.items.find(({ key }) => (isScalar(key) ? String(key.value) : String(key)) === step);
      if (!pair) return line;
      if (isScalar(pair.key) && pair.key.range) line = lines.linePos(pair.key.range[0]).line;
      at = pair.value;
    } else if (isSeq(at)) {
      const item = at.items[Number(step)];
      if ((isScalar(item) || isCollection(item)) && item.range) line = lines.linePos(item.range[0]).line;
      at = item;
    } else return line;
  }
  return line;
}

/** YAML reads 4 as a number and yes as a word; arguments and variables are text as it was written. */
function lenient(doc: Document.Parsed, plain: unknown): unknown {
  if (!isRecord(plain)) return plain;
  const job: Record<string, unknown> = { ...(plain.kind === undefined ? { kind: "batch" } : {}), ...plain };
  const command = doc.get("command", true);
  if (isSeq(command)) job.command = command.items.map((item) => asWritten(item));
  const environment = doc.get("environment", true);
  if (isMap(environment))
    job.environment = Object.fromEntries(
      environment.items.map(({ key, value }) => [isScalar(key) ? String(key.value) : String(key), asWritten(value)]),
    );
  if (typeof job.max_price === "number" || typeof job.max_price === "string")
    job.max_price = toMoney(String(job.max_price));
  if (job.max_price === null) delete job.max_price;
  if (typeof job.comparator === "string") job.comparator = { kind: job.comparator };
  return job;
}

function asWritten(node: unknown): unknown {
  if (node === null) return "";
  if (!isScalar(node)) return isCollection(node) ? node.toJSON() : node;
  return typeof node.value === "string" ? node.value : (node.source ?? "");
}

/** The same text with what the form holds for one field; comments and the order of keys stay. */
export function withField(text: string, field: JobField, form: JobText): string {
  const doc = parseDocument(text);
  if (doc.errors.length > 0) return text;
  const value = yamlValue(field, form);
  const key = keyOf(field);
  if (value === undefined) {
    doc.delete(key);
    if (field === "gpu_count") doc.delete("required_gpu");
  } else if (isMap(doc.contents)) doc.set(key, doc.createNode(value));
  else return new Document({ [key]: value }).toString({ lineWidth: 0 });
  if (field === "gpu_count") doc.delete("required_gpu");
  return doc.toString({ lineWidth: 0 });
}

/** A body as job.yaml. */
export function jobYaml(job: Readonly<Record<string, unknown>>): string {
  return new Document(job).toString({ lineWidth: 0 });
}
