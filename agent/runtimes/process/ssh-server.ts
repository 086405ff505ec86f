// The SSH door of one execution: public keys only, on a loopback port, into its room and nowhere else.
import { createHash, timingSafeEqual } from "node:crypto";
import type { AddressInfo } from "node:net";
import type { AuthContext, Connection, ParsedKey } from "ssh2";
import ssh2 from "ssh2";
import { isErrno } from "../../files.ts";
import type { Door } from "./door.ts";
import { serveSession } from "./session.ts";

export const SSH_USER = "root";
export const FIRST_PORT = 30_000;
export const LAST_PORT = 32_767;
const MAX_CONNECTIONS = 64;
const MAX_FORWARDS = 256;
const MAX_REFUSALS = 1000;
const MAX_ATTEMPTS = 12;
const LOGIN_GRACE_MS = 60_000;
const LOOPBACK = new Set(["127.0.0.1", "localhost", "::1"]);

export interface SshServer {
  /** Tries the ports of the range, each once, beginning at a random one. @returns the port taken */
  listen(random: () => number): Promise<number>;
  close(): void;
}

export function createSshServer(door: Door): SshServer {
  const connections = new Set<Connection>();
  const server = new ssh2.Server({ hostKeys: [door.hostKey], keepaliveInterval: 15_000, keepaliveCountMax: 4 });
  server.on("connection", (client: Connection) => {
    if (connections.size >= MAX_CONNECTIONS) {
      client.end();
      return;
    }
    connections.add(client);
    client.on("close", () => connections.delete(client));
    client.on("error", () => undefined); // a client that breaks off or talks nonsense ends only its own connection
    serveConnection(door, client);
  });

  function listenOn(port: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const failed = (error: Error) => (isErrno(error, "EADDRINUSE", "EACCES") ? resolve(false) : reject(error));
      server.once("error", failed);
      server.listen(port, "127.0.0.1", () => {
        server.off("error", failed);
        resolve(true);
      });
    });
  }

  return {
    async listen(random) {
      const count = LAST_PORT - FIRST_PORT + 1;
      const start = Math.floor(random() * count);
      for (let i = 0; i < count; i++) {
        if (await listenOn(FIRST_PORT + ((start + i) % count))) return portOf(server.address());
      }
      throw new Error(`no free port in ${FIRST_PORT}–${LAST_PORT}`);
    },
    close() {
      server.close();
      for (const client of connections) client.end();
    },
  };
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return address.port;
}

function serveConnection(door: Door, client: Connection): void {
  let attempts = 0;
  let forwards = 0;
  let who: string | undefined;
  const refused = new Set<number>();
  const grace = setTimeout(() => client.end(), LOGIN_GRACE_MS);
  client.on("close", () => clearTimeout(grace));

  client.on("authentication", (context) => {
    attempts += 1;
    if (attempts > MAX_ATTEMPTS) {
      client.end();
      return;
    }
    authenticate(context, door.keys).then(
      (key) => {
        if (!key) return context.reject(["publickey"]);
        if (key.proved) who = key.name;
        context.accept();
      },
      () => context.reject(["publickey"]),
    );
  });
  client.on("ready", () => {
    clearTimeout(grace);
    door.log(`Logged in: ${who}`);
  });
  client.on("close", () => {
    if (who) door.log(`Logged out: ${who}`);
    else if (attempts > 0) door.log("A login was refused: no key that was offered may come in.");
  });
  client.on("session", (accept) => serveSession(accept(), door));
  client.on("request", (_accept, reject) => reject?.()); // no remote forward: nothing may listen on the machine
  client.on("tcpip", (accept, reject, { destIP, destPort }) => {
    const refuse = (why: string) => {
      if (!refused.has(destPort)) door.log(`A connection to port ${destPort} was refused: ${why}`);
      if (refused.size < MAX_REFUSALS) refused.add(destPort); // once each: somebody may ask every second
      reject();
    };
    if (!LOOPBACK.has(destIP)) return refuse("forwards lead to this workspace only.");
    if (forwards >= MAX_FORWARDS) return refuse("too many are open.");
    door.room.connect(destPort).then(
      (socket) => {
        forwards += 1;
        const channel = accept();
        socket.on("close", () => {
          forwards -= 1;
          channel.destroy();
        });
        socket.on("error", () => channel.destroy());
        channel.on("close", () => socket.destroy());
        channel.on("error", () => socket.destroy());
        channel.pipe(socket).pipe(channel, { end: false });
        socket.on("end", () => channel.write("", () => channel.eof())); // `end` would close the other direction too
      },
      (error: unknown) => refuse(error instanceof Error ? error.message : String(error)),
    );
  });
}

interface Proof {
  /** its fingerprint, and what its owner calls it */
  readonly name: string;
  /** False where the client only asked whether the key would do. */
  readonly proved: boolean;
}

/** @returns undefined where this may not come in: another method, another name, an unknown key or a wrong signature */
async function authenticate(context: AuthContext, keys: Door["keys"]): Promise<Proof | undefined> {
  if (context.method !== "publickey" || context.username !== SSH_USER) return undefined;
  const offered = context.key.data;
  const known = parseKeys(await keys()).find((key) => sameBytes(key.getPublicSSH(), offered));
  if (!known) return undefined;
  const fingerprint = `SHA256:${createHash("sha256").update(offered).digest("base64").replace(/=+$/, "")}`;
  const name = known.comment ? `${fingerprint} (${known.comment})` : fingerprint;
  if (!context.signature) return { name, proved: false };
  if (!context.blob || known.verify(context.blob, context.signature, context.hashAlgo) !== true) return undefined;
  return { name, proved: true };
}

/** Hashing first makes the comparison take the same time for any length and any first difference. */
function sameBytes(a: Buffer, b: Buffer): boolean {
  return timingSafeEqual(createHash("sha256").update(a).digest(), createHash("sha256").update(b).digest());
}

function parseKeys(lines: readonly string[]): ParsedKey[] {
  return lines.flatMap((line) => {
    const parsed = ssh2.utils.parseKey(line);
    return parsed instanceof Error ? [] : [parsed].flat();
  });
}
