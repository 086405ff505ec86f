// What is drawn once for a data directory and never shown: passwords and keys, in files only their owner can read.
import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";

const Secrets = z.strictObject({
  postgresPassword: z.string().min(20),
  /** 64 hexadecimal digits: encrypts what must not be read from a database dump. */
  berthSecretKey: z.string().regex(/^[0-9a-f]{64}$/),
  nextAuthSecret: z.string().min(32),
});
export type Secrets = z.infer<typeof Secrets>;

/** Reads the directory's secrets, drawing them at the first time. */
export async function openSecrets(dataDir: string): Promise<Secrets> {
  const path = join(dataDir, "secrets.json");
  const stored = await readPrivate(path);
  if (stored !== undefined) return Secrets.parse(JSON.parse(stored));
  const drawn: Secrets = {
    postgresPassword: randomBytes(24).toString("base64url"),
    berthSecretKey: randomBytes(32).toString("hex"),
    nextAuthSecret: randomBytes(32).toString("base64url"),
  };
  await writePrivate(path, JSON.stringify(drawn, null, 2));
  return drawn;
}

/** @returns undefined where there is no such file */
export async function readPrivate(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch((error) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}

/** Writes a file that only its owner can read, whole or not at all. */
export async function writePrivate(path: string, contents: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(`${path}.new`, contents, { mode: 0o600 });
  await rename(`${path}.new`, path);
}
