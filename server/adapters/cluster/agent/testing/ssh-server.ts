// An SSH server in this process, as an execution's is: one key may come in, commands run in a real shell, ports lead here.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import ssh2, { type AuthContext, type Connection } from "ssh2";
import { newHostKey } from "../../../system/host-key.ts";

export interface TestSshServer {
  readonly port: number;
  /** as `Whereabouts` has it */
  readonly hostKey: string;
  readonly doorKey: string;
  /** connections that were made so far, and those that are open */
  readonly made: number;
  readonly open: number;
  /** Breaks every connection, as a machine that loses its power. */
  cut(): void;
  /** From now on it opens no channel and says nothing about it. */
  stall(): void;
  close(): void;
}

export async function testSshServer(): Promise<TestSshServer> {
  const [host, door] = [newHostKey(), newHostKey()];
  const known = ssh2.utils.parseKey(door.publicKey);
  if (known instanceof Error) throw known;
  const sockets = new Set<Socket>();
  let [made, stalled] = [0, false];

  const ssh = new ssh2.Server({ hostKeys: [host.privateKey] }, (client: Connection) => {
    client.on("error", () => {});
    client.on("authentication", (context: AuthContext) => {
      const right = context.method === "publickey" && context.key.data.equals(known.getPublicSSH());
      if (right) context.accept();
      else context.reject(["publickey"]);
    });
    client.on("session", (accept) => {
      if (stalled) return;
      const session = accept();
      session.on("pty", (yes) => yes?.());
      session.on("exec", (yes, _no, { command }) => {
        const channel = yes();
        const child = spawn("/bin/sh", ["-c", command]);
        for (const stream of [child.stdin, child.stdout, child.stderr, channel]) stream.on("error", () => {});
        session.on("signal", (_yes, _no, { name }) => void child.kill(`SIG${name}` as NodeJS.Signals));
        channel.on("close", () => child.kill("SIGKILL"));
        channel.pipe(child.stdin);
        child.stdout.pipe(channel, { end: false });
        child.stderr.pipe(channel.stderr, { end: false });
        child.on("close", (code, signal) => {
          if (channel.destroyed || channel.writableEnded) return;
          if (signal) channel.exit(signal.slice(3));
          else channel.exit(code ?? 255);
          channel.end();
        });
      });
    });
    client.on("tcpip", (accept, reject, { destIP, destPort }) => {
      if (stalled) return;
      const socket = connect({ host: destIP, port: destPort });
      socket.once("error", () => reject());
      socket.once("connect", () => {
        const channel = accept();
        channel.on("error", () => {});
        socket.on("error", () => {});
        channel.pipe(socket).pipe(channel);
      });
    });
  });
  const server: Server = createServer((socket) => {
    made += 1;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    ssh.injectSocket(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("it has no port");
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port: address.port,
    hostKey: host.publicKey,
    doorKey: door.privateKey,
    get made() {
      return made;
    },
    get open() {
      return sockets.size;
    },
    cut,
    stall: () => {
      stalled = true;
    },
    close() {
      cut();
      server.close();
    },
  };
}
