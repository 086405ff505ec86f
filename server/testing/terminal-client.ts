// A terminal over the real wire: a running job, shells of this machine in it, and a client that speaks to them.
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RawData, WebSocket } from "ws";
import { type FromTerminalClient, FromTerminalServer, terminalPath } from "../../protocol/terminal.ts";
import { createWebServer } from "../http/node-http.ts";
import { TERMINAL_LAWS, type TerminalLaws } from "../http/terminal/laws.ts";
import { createTerminals } from "../http/terminal.ts";
import { type LocalInside, localInside } from "./local-inside.ts";
import { type Ask, openWire, type Wire } from "./wire.ts";
import { GPU_MODEL } from "./world.ts";

const SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsABgH5C9okWi0dh2l9GKJl me@home";

/** Generous: the machine may be busy with much else. Shorter than a test, so that it says what never came. */
const PATIENCE_MS = 60_000;
/** For the tests of terminals: megabytes pass a terminal byte by byte. */
export const TERMINAL_TEST_MS = 90_000;

/** How far back a test looks for what a terminal shows. */
const LOOKED_AT_BYTES = 64 << 10;

/** Polls until it holds. */
export async function soon(what: string | (() => string), holds: () => Promise<boolean> | boolean): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`never: ${typeof what === "string" ? what : what()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** What a shell is told to do until the test lets it go on: however slow the machine is, no pause is too short. */
export function waitsFor(sign: string): string {
  return `until [ -e ~/${sign} ]; do sleep 0.05; done`;
}

export interface Dial {
  /** null sends none */
  readonly origin?: string | null;
  readonly token?: string | undefined;
  readonly cookie?: string;
  readonly headers?: Record<string, string>;
  readonly job?: string;
  readonly query?: string;
}

export interface TerminalWorld extends AsyncDisposable {
  readonly wire: Wire;
  readonly inside: LocalInside;
  readonly owner: { readonly token: string; readonly account: string };
  /** the web's own origin */
  readonly origin: string;
  readonly job: string;
  rent(token: string): Promise<string>;
  /** Lets shells go on that wait by `waitsFor(sign)`. */
  letGo(sign: string): Promise<void>;
  /** Connects; a refusal is an Error that begins with its status and code. */
  dial(how?: Dial): Promise<TerminalClient>;
  /** Writes these very bytes to the server and reads what it answers until it closes. */
  shout(bytes: string): Promise<string>;
  /** Tells every browser that the process stops, as web/main.ts does. */
  stop(): Promise<void>;
}

export async function openTerminalWorld(
  laws: Partial<TerminalLaws> = {},
  settings: Partial<Wire["deps"]["settings"]> = {},
): Promise<TerminalWorld> {
  const wire = await openWire({ settings });
  const home = await mkdtemp(join(tmpdir(), "berth-terminal-"));
  const inside = localInside(home);
  const deps = { ...wire.deps, inside: { agent: inside, pods: null } };
  const terminals = createTerminals(deps, wire.dispatcher, { ...TERMINAL_LAWS, ...laws });
  const web = createWebServer(wire.dispatcher, async (_request, reply) => void reply.end("a page"), [
    terminals.upgrade,
  ]);
  web.server.listen(0, "127.0.0.1");
  await once(web.server, "listening");
  const { port } = web.server.address() as AddressInfo;
  await wire.world.provider({ gpus: 32 });
  const owner = await wire.login();
  const host = new URL(wire.deps.settings.publicUrl).host; // what the doors want, whatever port this server has
  const origin = wire.deps.settings.publicUrl;

  async function rent(token: string): Promise<string> {
    const json = { kind: "rental", gpu_type: GPU_MODEL, duration_hours: 1, ssh_public_key: SSH_KEY };
    const ask: Ask = { token, json };
    const { id } = (await wire.ask("/api/v1/jobs", ask)).json;
    await soon("the job runs", async () => {
      await wire.world.settleRings();
      return (await wire.ask(`/api/v1/jobs/${id}`, { token })).json.status === "running";
    });
    return id;
  }
  const job = await rent(owner.token);
  let stopped: Promise<void> | undefined;
  const stop = () => {
    terminals.stop();
    stopped ??= web.stop();
    return stopped;
  };

  return {
    wire,
    inside,
    owner,
    origin,
    job,
    rent,
    letGo: (sign) => writeFile(join(home, sign), ""),
    stop,
    async dial({ origin: from = origin, token = owner.token, cookie, headers = {}, query = "", ...how } = {}) {
      const ws = new WebSocket(`ws://127.0.0.1:${port}${terminalPath(how.job ?? job)}?cols=80&rows=24${query}`, {
        headers: {
          host,
          ...(from === null ? {} : { origin: from }),
          ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
          ...(cookie === undefined ? {} : { cookie }),
          ...headers,
        },
      });
      const client = new TerminalClient(ws);
      await new Promise<void>((resolve, reject) => {
        ws.once("open", resolve);
        ws.once("unexpected-response", async (_request, response: IncomingMessage) => {
          let text = "";
          for await (const part of response.setEncoding("utf8")) text += part;
          const type = response.headers["content-type"];
          const { code } = type === "application/problem+json" ? JSON.parse(text) : { code: text };
          reject(new Error(`${response.statusCode} ${code}`));
        });
        ws.once("error", reject);
      });
      return client;
    },
    async shout(bytes) {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      socket.write(bytes);
      let text = "";
      for await (const part of socket.setEncoding("utf8")) text += part;
      return text;
    },
    async [Symbol.asyncDispose]() {
      await stop();
      await Promise.all(inside.opened.map(({ exit }) => exit));
      await wire[Symbol.asyncDispose]();
      await rm(home, { recursive: true, force: true });
    },
  };
}

export class TerminalClient {
  readonly told: FromTerminalServer[] = [];
  closed: { readonly code: number; readonly reason: string } | null = null;
  readonly #parts: Buffer[] = [];

  constructor(readonly ws: WebSocket) {
    ws.on("message", (data: RawData, binary: boolean) => {
      const bytes = Buffer.isBuffer(data) ? data : Buffer.concat(Array.isArray(data) ? data : [Buffer.from(data)]);
      if (binary) this.#parts.push(bytes);
      else this.told.push(FromTerminalServer.parse(JSON.parse(bytes.toString())));
    });
    ws.on("close", (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
    ws.on("error", () => {});
  }

  get shown(): Buffer {
    if (this.#parts.length > 1) this.#parts.splice(0, this.#parts.length, Buffer.concat(this.#parts));
    return this.#parts[0] ?? Buffer.alloc(0);
  }

  /** The end of what it showed, as text. */
  get #end(): string {
    let size = 0;
    const from = this.#parts.findLastIndex((part) => {
      size += part.length;
      return size >= LOOKED_AT_BYTES;
    });
    return Buffer.concat(this.#parts.slice(Math.max(0, from))).toString();
  }

  /** How many bytes it showed. */
  get length(): number {
    return this.#parts.reduce((sum, part) => sum + part.length, 0);
  }

  type(keys: string | Buffer): void {
    this.ws.send(Buffer.from(keys));
  }

  say(message: FromTerminalClient): void {
    this.ws.send(JSON.stringify(message));
  }

  async shows(pattern: RegExp): Promise<void> {
    await soon(
      () => `${pattern} in ${JSON.stringify(this.#end.slice(-2_000))}`,
      () => pattern.test(this.#end),
    );
  }

  async hears<T extends FromTerminalServer["type"]>(type: T): Promise<Extract<FromTerminalServer, { type: T }>> {
    const found = () =>
      this.told.find((message): message is Extract<FromTerminalServer, { type: T }> => message.type === type);
    await soon(
      () => `${type} among ${JSON.stringify(this.told)}, closed ${this.closed?.code}`,
      () => found() !== undefined,
    );
    const message = found();
    if (!message) throw new Error("it was there");
    return message;
  }

  /** @returns the close code */
  async ends(): Promise<number> {
    await soon("the connection closes", () => this.closed !== null);
    return this.closed?.code ?? 0;
  }

  /** Goes as a network does: without a word. */
  async vanish(): Promise<void> {
    this.ws.terminate();
    await this.ends();
  }
}
