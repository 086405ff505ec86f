// The line between a page and a shell: connects, comes back after a break to where it was, and says how it stands.
import { type FromTerminalClient, FromTerminalServer, terminalPath } from "../../../protocol/terminal.ts";

export type LineState =
  | { readonly kind: "connecting" }
  | { readonly kind: "connected" }
  /** nobody typed for long: it ends unless somebody does */
  | { readonly kind: "idle"; readonly endsInSeconds: number }
  | { readonly kind: "waiting"; readonly seconds: number; readonly why: string }
  | { readonly kind: "ended"; readonly why: string };

/** What becomes of what the shell says. */
export interface Screen {
  readonly size: { readonly cols: number; readonly rows: number };
  /** @param shown called when it is on the screen */
  write(bytes: Uint8Array, shown: () => void): void;
  /** What follows begins anew: the same shell from further on, or another one. */
  reset(why: "missed" | "another-shell"): void;
}

export interface LineOptions {
  /** of the WebSocket, without its query */
  readonly url: string;
  readonly screen: Screen;
  readonly onState: (state: LineState) => void;
  /** Why the server would refuse a terminal now; null where nothing speaks against another attempt. */
  readonly refusal: () => Promise<string | null>;
  /** where the session's id outlives the page */
  readonly memory: { read(): string | null; write(session: string | null): void };
}

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 20_000;
const ACK_EVERY_BYTES = 32 << 10;
/** Below what the server takes as one frame. */
const PART_BYTES = 32 << 10;

/**
 * How long to wait before an attempt: twice as long each time, up to a bound, and never in step with others.
 * @param attempt 0 for the first after a break
 * @param chance in [0, 1)
 */
export function waitMs(attempt: number, chance: number): number {
  return Math.round(Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt, 10)) * (0.5 + chance / 2));
}

/** @returns the bytes in parts that the server takes */
export function partsOf(bytes: Uint8Array): Uint8Array<ArrayBuffer>[] {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < bytes.length; at += PART_BYTES)
    parts.push(Uint8Array.from(bytes.subarray(at, at + PART_BYTES)));
  return parts;
}

/** @param origin of the page */
export function urlOf(jobId: string, origin: string): string {
  return `${origin.replace(/^http/, "ws")}${terminalPath(jobId)}`;
}

/** How a shell's end reads. */
export function endOf(code: number | null, signal: string | null): string {
  if (signal !== null) return `The shell was ended by ${signal}.`;
  if (code === null) return "The shell ended.";
  return code === 0 ? "The shell ended." : `The shell ended with exit code ${code}.`;
}

export class Line {
  readonly #options: LineOptions;
  #socket: WebSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempt = 0;
  #session: string | null;
  /** bytes of output of this session: that came, were shown, and were acknowledged */
  #received: number | null = null;
  #shown = 0;
  #acked = 0;
  /** what the server said before a break, where it said something */
  #why: string | null = null;
  #state: LineState = { kind: "connecting" };

  constructor(options: LineOptions) {
    this.#options = options;
    this.#session = options.memory.read();
  }

  /** Connects, now: after an end this is a new shell or, where it is still there, the one before. */
  connect(): void {
    clearTimeout(this.#timer);
    this.#drop();
    this.#become({ kind: "connecting" });
    const { cols, rows } = this.#options.screen.size;
    const query = new URLSearchParams({ cols: String(cols), rows: String(rows) });
    if (this.#session) query.set("session", this.#session);
    if (this.#session && this.#received !== null) query.set("received", String(this.#received));
    const socket = new WebSocket(`${this.#options.url}?${query}`);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    let opened = false;
    socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (socket !== this.#socket) return;
      if (typeof data !== "string") return void this.#show(new Uint8Array(data));
      opened = true;
      this.#hear(FromTerminalServer.parse(JSON.parse(data)));
    };
    socket.onclose = () => {
      if (socket === this.#socket) void this.#broke(opened);
    };
  }

  /** Waits no longer, where it waits. */
  hurry(): void {
    if (this.#state.kind === "waiting") this.connect();
  }

  /** @returns whether somebody took it */
  type(bytes: Uint8Array): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    for (const part of partsOf(bytes)) this.#socket.send(part);
    if (this.#state.kind === "idle") this.#become({ kind: "connected" });
    return true;
  }

  resize(cols: number, rows: number): void {
    this.#say({ type: "resize", cols, rows });
  }

  /** The page goes; the shell stays for a while. */
  leave(): void {
    clearTimeout(this.#timer);
    this.#drop();
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #say(message: FromTerminalClient): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #hear(message: FromTerminalServer): void {
    if (message.type === "opened") return void this.#opened(message);
    if (message.type === "idle") return void this.#become({ kind: "idle", endsInSeconds: message.ends_in_seconds });
    if (message.type === "exit") return void this.#end(endOf(message.code, message.signal));
    if (message.retry)
      this.#why = message.detail; // the close that follows is a break like any other
    else this.#end(message.detail, message.code === "taken-over");
  }

  #opened({ session, resumed, from }: Extract<FromTerminalServer, { type: "opened" }>): void {
    const { screen, memory } = this.#options;
    if (!resumed && this.#received !== null) screen.reset("another-shell");
    else if (this.#received !== null && from !== this.#received) screen.reset("missed");
    this.#session = session;
    memory.write(session);
    this.#received = this.#shown = this.#acked = from;
    this.#attempt = 0;
    this.#become({ kind: "connected" });
    this.#say({ type: "ack", received: from });
    const { cols, rows } = screen.size;
    this.resize(cols, rows); // it may have changed on the way
  }

  #show(bytes: Uint8Array): void {
    this.#received = (this.#received ?? 0) + bytes.length;
    const session = this.#session;
    this.#options.screen.write(bytes, () => {
      if (session !== this.#session) return;
      this.#shown += bytes.length;
      if (this.#shown - this.#acked < ACK_EVERY_BYTES) return;
      this.#acked = this.#shown;
      this.#say({ type: "ack", received: this.#shown });
    });
  }

  /** @param kept whether the shell lives on elsewhere, so that it can be taken back */
  #end(why: string, kept = false): void {
    if (!kept) {
      this.#session = null;
      this.#options.memory.write(null);
    }
    this.#drop();
    this.#become({ kind: "ended", why });
  }

  async #broke(opened: boolean): Promise<void> {
    this.#socket = null;
    const ms = waitMs(this.#attempt++, Math.random());
    this.#become({ kind: "waiting", seconds: Math.ceil(ms / 1000), why: this.#why ?? "The connection broke." });
    this.#why = null;
    this.#timer = setTimeout(() => this.connect(), ms);
    if (opened) return;
    // A browser does not say why it was refused: the page asks.
    const why = await this.#options.refusal().catch(() => null);
    if (why === null || this.#state.kind !== "waiting") return;
    clearTimeout(this.#timer);
    this.#end(why);
  }

  #become(state: LineState): void {
    this.#state = state;
    this.#options.onState(state);
  }
}
