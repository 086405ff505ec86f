// One SSH connection into one execution, under the host key that the broker made and no other.
import type { BlockList } from "node:net";
import ssh2, { type Client, type ClientChannel } from "ssh2";
import type { Whereabouts } from "../../../../deps.ts";
import { dial } from "./dial.ts";
import { inTime } from "./patience.ts";

/** To connect, to log in, to open a channel: each. */
const TIMEOUT_MS = 5000;
const KEEPALIVE_MS = 15_000;
const KEEPALIVES_MISSED = 3;

export interface Link {
  /** Opens a channel. Where the connection breaks before it is open, it throws and the link is not `alive` any more. */
  open(begin: (client: Client, opened: Opened) => void): Promise<ClientChannel>;
  readonly alive: boolean;
  /** channels that are open or opening */
  readonly used: number;
  /** Called when a channel closed or the connection broke. */
  onChange(listener: () => void): void;
  close(): void;
}
export type Opened = (error: Error | undefined, channel: ClientChannel) => void;

/** Everything of `Whereabouts` that a connection needs. */
export interface Way extends Pick<Whereabouts, "id" | "hostKey"> {
  readonly endpoint: NonNullable<Whereabouts["endpoint"]>;
  readonly doorKey: string;
}

/** @throws Error whose message says why there is no connection */
export async function openLink(way: Way, listed: BlockList): Promise<Link> {
  const socket = await dial(way.endpoint, listed, TIMEOUT_MS);
  const client = new ssh2.Client();
  const expected = Buffer.from(way.hostKey.split(" ")[1] ?? "", "base64");
  let [alive, used] = [false, 0];
  let wrongHostKey = false;
  let changed = () => {};
  const ready = new Promise<void>((resolve, reject) => {
    client.once("ready", () => {
      alive = true;
      resolve();
    });
    client.on("error", (error) => reject(wrongHostKey ? new Error("it shows another host key") : error));
    client.on("close", () => {
      alive = false;
      reject(new Error("it hung up"));
      changed();
    });
  });
  try {
    client.connect({
      sock: socket,
      username: way.endpoint.user,
      privateKey: way.doorKey,
      algorithms: { serverHostKey: ["ssh-ed25519"] },
      hostVerifier: (key: Buffer) => {
        wrongHostKey = !key.equals(expected);
        return !wrongHostKey;
      },
      readyTimeout: TIMEOUT_MS,
      keepaliveInterval: KEEPALIVE_MS,
      keepaliveCountMax: KEEPALIVES_MISSED,
    });
    await ready;
  } catch (error) {
    ready.catch(() => undefined);
    client.destroy();
    socket.destroy();
    throw error;
  }
  return {
    open(begin) {
      used += 1;
      const left = () => {
        used -= 1;
        changed();
      };
      const opening = new Promise<ClientChannel>((resolve, reject) => {
        begin(client, (error, channel) => {
          if (error) reject(error);
          else resolve(channel);
        });
      });
      opening.then((channel) => channel.once("close", left), left);
      return inTime(opening, TIMEOUT_MS, "it did not open a channel in time").catch((error: unknown) => {
        opening.then(
          (channel) => channel.resume().close(),
          () => undefined,
        );
        throw error;
      });
    },
    get alive() {
      return alive;
    },
    get used() {
      return used;
    },
    onChange(listener) {
      changed = listener;
    },
    close() {
      alive = false;
      client.destroy();
    },
  };
}
