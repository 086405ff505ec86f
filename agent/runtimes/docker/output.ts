// Output files of a container that has ended, read as the engine's tar files and judged as every runtime judges them:
// only regular files and folders count.
import { posix } from "node:path";
import { Readable } from "node:stream";
import { extract } from "tar-stream";
import { z } from "zod";
import { type CollectedFile, type Shortfall, tooLarge } from "../finished-run.ts";
import { type Engine, openStream, statusOf, within } from "./engine.ts";

const MOST_FILES = 1024;
const LONGEST_PATH = 512;
/** Bits of Go's os.FileMode. */
const DIRECTORY = 2 ** 31;
const LINK = 2 ** 27;

const Stat = z.object({ mode: z.number(), linkTarget: z.string().nullish() });

/**
 * @param dir working directory in the container
 * @returns in no order, or why not
 */
export async function collectOutput(
  engine: Engine,
  container: string,
  dir: string,
  wanted: readonly string[],
  budgetBytes: number,
): Promise<readonly CollectedFile[] | Shortfall> {
  const found = new Map<string, CollectedFile>();
  for (const path of wanted) {
    const parts = path.split("/").filter((part) => part !== "" && part !== ".");
    if (path.startsWith("/") || parts.includes(".."))
      return missing(path, "leads out of the working directory: it is not collected");
    const short =
      (await behindLink(engine, container, dir, parts)) ??
      (await takeArchive(engine, container, posix.join(dir, ...parts), parts.join("/"), found, budgetBytes));
    if (short) return short;
  }
  return [...found.values()];
}

/** Whether a declared path is a link, or the way to it leads over one: engines would follow it. */
async function behindLink(
  engine: Engine,
  container: string,
  dir: string,
  parts: readonly string[],
): Promise<Shortfall | undefined> {
  for (let upTo = 1; upTo <= parts.length; upTo++) {
    const path = parts.slice(0, upTo).join("/");
    const stat = await statOf(engine, container, posix.join(dir, path));
    if (!stat) return missing(parts.join("/"), "is not there");
    const whole = upTo === parts.length;
    if (has(stat.mode, LINK)) return missing(path, whole ? LINKED : "is a link, no folder");
    if (!whole && !has(stat.mode, DIRECTORY)) return missing(path, "is a file, no folder");
  }
  return undefined;
}

const LINKED = "is a link: only regular files and folders are collected";
const has = (mode: number, bit: number) => Math.floor(mode / bit) % 2 === 1;

async function statOf({ docker }: Engine, id: string, path: string): Promise<z.infer<typeof Stat> | undefined> {
  const head = new Promise<unknown>((resolve, reject) => {
    docker.modem.dial(
      {
        ...{ method: "HEAD", path: `/containers/${id}/archive?`, options: { path }, isStream: true },
        statusCodes: { 200: true },
      },
      (error, answer) => {
        if (error) return reject(error);
        if (answer instanceof Readable) answer.resume();
        resolve(answer);
      },
    );
  });
  try {
    const { headers } = HeadAnswer.parse(await within(head));
    const text = Buffer.from(headers["x-docker-container-path-stat"], "base64").toString();
    return Stat.parse(JSON.parse(text));
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

const HeadAnswer = z.object({ headers: z.object({ "x-docker-container-path-stat": z.string() }) });

/** @param as what the path is called in the result; "" for the working directory itself */
async function takeArchive(
  engine: Engine,
  container: string,
  path: string,
  as: string,
  found: Map<string, CollectedFile>,
  budgetBytes: number,
): Promise<Shortfall | undefined> {
  const stop = new AbortController();
  const ask = {
    method: "GET",
    path: `/containers/${container}/archive`,
    query: { path },
    signal: stop.signal,
  } as const;
  const archive = await openStream(engine, ask);
  const entries = archive.pipe(extract());
  archive.on("error", (error) => entries.destroy(error));
  try {
    for await (const entry of entries) {
      const name = nameIn(entry.header.name, as);
      if (name === null || name === "") {
        entry.resume();
        continue;
      }
      const short = judge(name, entry.header.type ?? "file", found, entry.header.size ?? 0, budgetBytes);
      if (short === "folder" || found.has(name)) {
        entry.resume();
        continue;
      }
      if (short === "hard link") {
        const same = found.get(nameIn(entry.header.linkname ?? "", as) ?? "");
        if (!same) return missing(name, LINKED);
        found.set(name, { path: name, content: same.content });
        entry.resume();
      } else if (short) return short;
      else found.set(name, { path: name, content: await bytesOf(entry) });
      if (weight(found) > budgetBytes) return tooLarge();
    }
  } finally {
    stop.abort();
  }
  return undefined;
}

/** An archive's names begin with the last part of what was asked for. */
function nameIn(raw: string, as: string): string | null {
  const inside = raw
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .slice(1);
  if (inside.includes("..")) return null;
  return [...(as === "" ? [] : [as]), ...inside].join("/");
}

function judge(
  name: string,
  type: string,
  found: ReadonlyMap<string, CollectedFile>,
  size: number,
  budgetBytes: number,
): Shortfall | "folder" | "hard link" | undefined {
  if (name.includes("\uFFFD")) return { end: "not-text", detail: `The name of the file ${name} is no UTF-8 text.` };
  if (name.length > LONGEST_PATH)
    return { end: "too-large", detail: `The path of an output file is longer than ${LONGEST_PATH} characters.` };
  if (type === "directory") return "folder";
  if (found.size >= MOST_FILES) return { end: "too-large", detail: `There are more than ${MOST_FILES} output files.` };
  if (type === "link") return "hard link";
  if (type === "symlink") return missing(name, LINKED);
  if (type !== "file" && type !== "contiguous-file")
    return missing(name, "is a device or a pipe: only regular files and folders are collected");
  return size + weight(found) > budgetBytes ? tooLarge() : undefined;
}

function weight(found: ReadonlyMap<string, CollectedFile>): number {
  let bytes = 0;
  for (const { content } of found.values()) bytes += content.length;
  return bytes;
}

async function bytesOf(entry: Iterable<unknown> | AsyncIterable<unknown>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of entry) if (Buffer.isBuffer(part)) parts.push(part);
  return Buffer.concat(parts);
}

function missing(path: string, what: string): Shortfall {
  return { end: "missing-file", detail: `The output file ${path} ${what}.` };
}
