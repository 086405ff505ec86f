// A real ssh client for tests: a key of its own, and strict about the host key it was told.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const MOST_TRIES = 30;
/** A node may forward a moment later than its pod is ready; a key that is refused is not waited for. */
const NOT_YET = /Connection (refused|timed out|reset|closed)|Operation timed out/;

export interface SshClient {
  readonly publicKey: string;
  /** Runs a script on 127.0.0.1. @param hostKey "ssh-ed25519 AAAA…", the only one that is accepted. @returns its stdout */
  ssh(port: number, hostKey: string, script: string): Promise<string>;
  close(): Promise<void>;
}

export async function sshClient(): Promise<SshClient> {
  const folder = await mkdtemp(join(tmpdir(), "berth-ssh-"));
  const key = join(folder, "key");
  await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
  return {
    publicKey: (await readFile(`${key}.pub`, "utf8")).trim(),
    async ssh(port, hostKey, script) {
      const known = join(folder, `known-${port}`);
      await writeFile(known, `[127.0.0.1]:${port} ${hostKey}\n`);
      const options = [
        ...["IdentitiesOnly=yes", "BatchMode=yes", "ConnectTimeout=3"],
        ...[`UserKnownHostsFile=${known}`, "StrictHostKeyChecking=yes"],
      ].flatMap((option) => ["-o", option]);
      for (let tries = 1; ; tries++) {
        try {
          return (await run("ssh", ["-i", key, "-p", String(port), ...options, "root@127.0.0.1", script])).stdout;
        } catch (error) {
          if (tries === MOST_TRIES || !NOT_YET.test(String(error))) throw error;
          await new Promise((resolve) => setTimeout(resolve, 500));
        }
      }
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}
