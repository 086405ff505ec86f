// What lets a customer into a container: files that are put into it, and a port that answers.
import { connect, createServer } from "node:net";
import { pack } from "tar-stream";
import { ARGUMENT_FILE, ENV_DIR, SSH_DIR } from "../../../domain/execution/entry-script.ts";
import type { ExecutionSpec } from "../../../domain/execution/spec.ts";
import { type Maker, sessionVariables } from "./options.ts";

interface PutFile {
  readonly name: string;
  readonly content: string;
}

/** Before the first start: what the entry script makes an sshd of. */
export function startArchive(spec: ExecutionSpec, port: number, maker: Maker): Promise<Buffer> {
  const variables = Object.entries(sessionVariables(spec, port, maker));
  return archive(
    [SSH_DIR, ENV_DIR],
    [
      { name: `${SSH_DIR}/authorized_keys`, content: keysOf(spec) },
      { name: `${SSH_DIR}/host_key`, content: spec.sshHostKey },
      ...(spec.command ?? []).map((content, i) => ({ name: `${SSH_DIR}/${ARGUMENT_FILE}${nth(i)}`, content })),
      ...variables.map(([name, content]) => ({ name: `${ENV_DIR}/${name}`, content })),
    ],
  );
}

/** While it runs: what sshd reads at each login. */
export function sessionArchive(spec: ExecutionSpec, port: number, maker: Maker): Promise<Buffer> {
  const lines = Object.entries(sessionVariables(spec, port, maker))
    .filter(([, value]) => !value.includes("\n"))
    .map(([name, value]) => `${name}=${value}\n`);
  return archive(
    [],
    [
      { name: "/root/.ssh/authorized_keys", content: keysOf(spec) },
      { name: "/root/.ssh/environment", content: lines.join("") },
    ],
  );
}

/** As the files' names have to sort. */
const nth = (index: number) => String(index).padStart(4, "0");

const keysOf = ({ sshPublicKeys }: ExecutionSpec) => `${sshPublicKeys.join("\n")}\n`;

async function archive(folders: readonly string[], files: readonly PutFile[]): Promise<Buffer> {
  const tar = pack();
  const owner = { uid: 0, gid: 0, mtime: new Date() };
  for (const folder of folders) tar.entry({ name: `${folder.slice(1)}/`, type: "directory", mode: 0o700, ...owner });
  for (const { name, content } of files) tar.entry({ name: name.slice(1), mode: 0o600, ...owner }, content);
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar) if (Buffer.isBuffer(part)) parts.push(part);
  return Buffer.concat(parts);
}

const BANNER_MS = 2000;

/** Whether an sshd speaks there: an engine's own proxy takes connections before anything listens inside. */
export function answersSsh(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const answer = (is: boolean) => {
      socket.destroy();
      resolve(is);
    };
    socket.setTimeout(BANNER_MS, () => answer(false));
    socket.once("error", () => answer(false));
    socket.once("close", () => answer(false));
    socket.once("data", (words) => answer(words.toString("latin1").startsWith("SSH-")));
  });
}

export function portIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}
