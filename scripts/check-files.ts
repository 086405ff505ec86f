// Laws no linter knows: a file of 500 lines is refused, and the lock file names no registry and misses no platform.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { missingOptionals } from "./lock-file.ts";

const LONGEST_FILE_LINES = 500;
const SOURCE = /\.(ts|tsx|mjs|cjs|css|sol)$/;
const GENERATED = /^(drizzle\/migrations|docs|dist|\.next)\//;

/** Sentences about source files that are too long to be read in one go. */
export function tooLong(files: Iterable<{ path: string; text: string }>): string[] {
  return [...files]
    .filter(({ path }) => SOURCE.test(path) && !GENERATED.test(path))
    .map(({ path, text }) => ({ path, lines: text.split("\n").length - (text.endsWith("\n") ? 1 : 0) }))
    .filter(({ lines }) => lines > LONGEST_FILE_LINES)
    .map(({ path, lines }) => `${path} has ${lines} lines; ${LONGEST_FILE_LINES} is a refusal. Part it.`);
}

/** Sentences about a lock file that would send everybody to the registry of whoever wrote it. */
export function namesRegistry(lockFile: string): string[] {
  const urls = lockFile.match(/"resolved":\s*"https?:[^"]*"/g) ?? [];
  return urls.length === 0
    ? []
    : [`package-lock.json names ${urls.length} registry URLs; run npm with --omit-lockfile-registry-resolved.`];
}

/** Sentences about a lock file that `npm ci` refuses on some machine. */
export function missesPlatforms(lockFile: string): string[] {
  const missing = missingOptionals(lockFile);
  return missing.length === 0
    ? []
    : [`package-lock.json misses ${missing.length} optional packages (${missing[0]?.name}, …); run npm run lock.`];
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const listed = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "--deduplicate"], { encoding: "utf8" });
  const read = (path: string) => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return ""; // deleted, but not yet in git's eyes
    }
  };
  const paths = listed.split("\n").filter((path) => SOURCE.test(path));
  const faults = [
    ...tooLong(paths.map((path) => ({ path, text: read(path) }))),
    ...namesRegistry(read("package-lock.json")),
    ...missesPlatforms(read("package-lock.json")),
  ];
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
