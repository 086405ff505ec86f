// Where logins are kept: one file, readable by its owner only, one login a broker. A token goes to no other broker.
import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { z } from "zod";
import { Time } from "../protocol/fields.ts";
import { CliError } from "./errors.ts";
import type { Io } from "./io.ts";

const Login = z.strictObject({
  kind: z.enum(["session", "api-key"]),
  token: z.string().min(1),
  /** null where the key may not ask */
  account: z.string().nullable(),
  /** null: until it is revoked */
  expires_at: Time.nullable(),
});
export type Login = z.infer<typeof Login>;

const Config = z.strictObject({
  /** origin of the broker that is meant where none is named */
  current: z.string().optional(),
  /** by origin */
  brokers: z.record(z.string(), Login).default({}),
});
export type Config = z.infer<typeof Config>;

export function configPath(env: Io["env"]): string {
  const base = env.XDG_CONFIG_HOME;
  if (base && isAbsolute(base)) return join(base, "berth", "config.json"); // a relative one counts as unset (XDG)
  if (!env.HOME)
    throw new CliError("Neither XDG_CONFIG_HOME nor HOME is set.", {
      remedy: "Set HOME, so that logins have a place.",
    });
  return join(env.HOME, ".config", "berth", "config.json");
}

/** An empty one where there is none yet. @throws CliError where it cannot be read */
export async function readConfig(io: Pick<Io, "env" | "tell">): Promise<Config> {
  const path = configPath(io.env);
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw new CliError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  });
  if (text === null) return { brokers: {} };
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0) io.tell(`berth: others can read your logins; run: chmod 600 ${path}`);
  const parsed = Config.safeParse(fromJson(text));
  if (!parsed.success)
    throw new CliError(`${path} is not a config of this version of berth.`, {
      remedy: "Remove it and run: berth login",
    });
  return parsed.data;
}

/** Whole or not at all, 0600 in a folder of 0700. */
export async function writeConfig(env: Io["env"], config: Config): Promise<void> {
  const path = configPath(env);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    await writeFile(draft, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600, flag: "wx" });
    await chmod(draft, 0o600); // whatever the umask took
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
