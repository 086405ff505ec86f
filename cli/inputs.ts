// Files that flags name; - is standard input.
import { readFile } from "node:fs/promises";
import { CliError } from "./errors.ts";
import { decode, type Io } from "./io.ts";

/** @throws CliError where it is not there, or is no text */
export async function readText(io: Pick<Io, "stdin">, path: string): Promise<string> {
  if (path === "-") return io.stdin();
  const bytes = await readFile(path).catch((error: unknown) => {
    const code = error instanceof Error && "code" in error ? error.code : "";
    const why = { ENOENT: "is not there", EACCES: "may not be read", EISDIR: "is a folder" }[String(code)];
    throw new CliError(`${path} ${why ?? `cannot be read: ${String(error)}`}.`);
  });
  return decode(bytes, path);
}
