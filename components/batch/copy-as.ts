// The same job for a shell: as curl, and for the command line of Berth.
import { shellWord } from "../job/ssh-access.ts";
import { isRecord } from "./job-fields.ts";
import { jobYaml, readJobYaml } from "./job-yaml.ts";

/** @param body what POST /jobs takes, as it was read from job.yaml */
export function asCurl(origin: string, body: unknown): string {
  return [
    `curl -sS ${shellWord(`${origin}/api/v1/jobs`)}`,
    `-H "authorization: Bearer $TOKEN"`,
    `-H 'content-type: application/json'`,
    `-d ${shellWord(JSON.stringify(body))}`,
  ].join(" \\\n  ");
}

/** The end mark is one that the text does not hold. */
export function asCli(text: string): string {
  const { body, literal } = readJobYaml(text);
  const yaml = literal || !isRecord(body) ? text : jobYaml(body); // the command line is as strict as the wire
  let mark = "JOB";
  while (yaml.split("\n").includes(mark)) mark += "_";
  return `berth apply -f - <<'${mark}'\n${yaml.endsWith("\n") ? yaml : `${yaml}\n`}${mark}\n`;
}
