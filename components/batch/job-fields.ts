// The fields of the submit form as text, and what each is as a value of job.yaml.
import { BATCH_DEFAULTS } from "../../domain/job/batch.ts";
import { toMoney } from "../market/query.ts";

export const JOB_FIELDS = [
  "name",
  "description",
  "docker_image",
  "command",
  "environment",
  "input_data",
  "required_cpu",
  "required_memory",
  "gpu_count",
  "gpu_type",
  "redundancy",
  "consensus",
  "assurance",
  "dispatch",
  "comparator",
  "rtol",
  "atol",
  "files",
  "network",
  "timeout_seconds",
  "queue_timeout",
  "max_price",
  "reusable",
] as const;
export type JobField = (typeof JOB_FIELDS)[number];
/** What each control of the form holds; a checkbox holds "true" or "". */
export type JobText = Readonly<Record<JobField, string>>;

/** What holds where job.yaml says nothing. */
export const DEFAULT_TEXT: JobText = {
  ...{ name: "", description: "", docker_image: "", command: "", environment: "", input_data: "" },
  ...{ required_cpu: "1", required_memory: "1", gpu_count: "0", gpu_type: "" },
  redundancy: String(BATCH_DEFAULTS.redundancy),
  consensus: String(BATCH_DEFAULTS.consensus),
  assurance: BATCH_DEFAULTS.assurance,
  dispatch: BATCH_DEFAULTS.dispatch,
  ...{ comparator: "exact", rtol: "0.000001", atol: "0", files: "", network: "" },
  timeout_seconds: String(BATCH_DEFAULTS.timeoutSeconds),
  queue_timeout: String(BATCH_DEFAULTS.queueTimeoutSeconds),
  ...{ max_price: "", reusable: "" },
};

const WHOLE: readonly JobField[] = [
  ...(["required_cpu", "required_memory", "gpu_count", "redundancy", "consensus"] as const),
  ...(["timeout_seconds", "queue_timeout"] as const),
];

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function written(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Arguments a line each; as JSON where a line could not hold one of them. */
export function linesOf(list: unknown): string {
  if (!Array.isArray(list)) return written(list);
  const plain = list.every((one) => typeof one === "string" && /^[^\n\r]+$/.test(one) && one.trim() === one);
  if (!plain || String(list[0] ?? "").startsWith("[")) return list.length === 0 ? "" : JSON.stringify(list);
  return list.join("\n");
}

/** `[` begins JSON; anything else is an entry a line, empty lines left out. What is no JSON stays the text that it is. */
export function listOf(text: string): unknown {
  if (text.trim() === "") return undefined;
  if (text.trimStart().startsWith("[")) return jsonOr(text);
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter(Boolean);
}

/** Variables a line each, NAME=value; as JSON where a line could not hold one of them. */
export function variablesOf(map: unknown): string {
  if (!isRecord(map)) return written(map);
  const entries = Object.entries(map);
  const plain = entries.every(([name, value]) => !/[=\n\r{]/.test(name) && !/[\n\r]/.test(written(value)));
  if (!plain) return JSON.stringify(map);
  return entries.map(([name, value]) => `${name}=${written(value)}`).join("\n");
}

/** A line without `=` is a name without a value, which the wire refuses by its name where it is none. */
export function mapOf(text: string): unknown {
  if (text.trim() === "") return undefined;
  if (text.trimStart().startsWith("{")) return jsonOr(text);
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf("=");
      return at < 0 ? [line.trim(), ""] : [line.slice(0, at).trim(), line.slice(at + 1)];
    }),
  );
}

function jsonOr(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return text;
  }
}

/** The form over a job.yaml, whatever is in it: what is not valid is shown as it is, and refused beside its field. */
export function textOf(job: unknown): JobText {
  const given = isRecord(job) ? job : {};
  const text: Record<JobField, string> = { ...DEFAULT_TEXT };
  for (const field of JOB_FIELDS) {
    const value = given[field];
    if (value === undefined || value === null) continue;
    if (field === "command" || field === "files") text[field] = linesOf(value);
    else if (field === "environment") text[field] = variablesOf(value);
    else if (field === "network" || field === "reusable") text[field] = value === true ? "true" : "";
    else if (field !== "comparator") text[field] = written(value);
  }
  if (given.gpu_count === undefined && given.required_gpu === true) text.gpu_count = "1";
  const comparator = given.comparator;
  if (isRecord(comparator)) {
    text.comparator = written(comparator.kind);
    if (comparator.rtol !== undefined) text.rtol = written(comparator.rtol);
    if (comparator.atol !== undefined) text.atol = written(comparator.atol);
  } else if (comparator !== undefined) text.comparator = written(comparator);
  return text;
}

function numberOr(text: string): number | string {
  return /^-?\d+(\.\d+)?(e-?\d+)?$/i.test(text.trim()) ? Number(text) : text;
}

/** The key of job.yaml that a control belongs to. */
export function keyOf(field: JobField): string {
  return field === "rtol" || field === "atol" ? "comparator" : field;
}

/** What job.yaml should say under `keyOf(field)`; undefined for nothing. */
export function yamlValue(field: JobField, text: JobText): unknown {
  const given = text[field];
  switch (field) {
    case "command":
    case "files":
      return listOf(given);
    case "environment":
      return mapOf(given);
    case "network":
    case "reusable":
      return given === "true" ? true : undefined;
    case "comparator":
    case "rtol":
    case "atol":
      if (text.comparator === "exact") return undefined;
      if (text.comparator !== "numeric") return { kind: text.comparator };
      return { kind: "numeric", rtol: numberOr(text.rtol), atol: numberOr(text.atol) };
    case "input_data":
      return given === "" ? undefined : given;
    case "max_price":
      return given.trim() === "" ? undefined : toMoney(given);
    default: {
      if (given.trim() === "") return undefined;
      return WHOLE.includes(field) ? numberOr(given) : given;
    }
  }
}
