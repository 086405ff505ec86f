// One connection to a terminal: frames to meaning and back, a pulse, and no more read than the shell takes.
import type { RawData, WebSocket } from "ws";
import { FromTerminalClient, type FromTerminalServer, type TerminalErrorCode } from "../../../protocol/terminal.ts";

/** What a shell hears from its browser. */
export interface Listener {
  /** Bytes for the shell. @returns whether it takes more at once; else it says `goOn` when it does */
  bytes(part: Buffer): boolean;
  said(message: FromTerminalClient): void;
  gone(): void;
}

/** What browsers understand (RFC 6455, and IANA's registry of close codes). */
export const CLOSE = { done: 1000, policy: 1008, internal: 1011, restart: 1012, later: 1013 } as const;

export interface Refusal {
  readonly code: TerminalErrorCode;
  readonly detail: string;
  readonly retry: boolean;
  readonly close: number;
}

export class Browser {
  readonly #ws: WebSocket;
  #listener: Listener | null = null;
  #alive = true;

  /** Reads nothing until somebody listens. */
  constructor(ws: WebSocket, pingMs: number) {
    this.#ws = ws;
    ws.pause();
    const pulse = setInterval(() => this.#beat(), pingMs);
    ws.on("pong", () => {
      this.#alive = true;
    });
    ws.on("message", (data, binary) => this.#hear(data, binary));
    ws.on("error", () => ws.terminate()); // a broken frame, or one too large: ws has told the client why
    ws.once("close", () => {
      clearInterval(pulse);
      this.#listener?.gone();
    });
  }

  /** Bytes that are written but not sent. */
  get waiting(): number {
    return this.#ws.bufferedAmount;
  }

  listen(listener: Listener): void {
    this.#listener = listener;
    this.goOn();
    if (this.#ws.readyState >= this.#ws.CLOSING) listener.gone();
  }

  goOn(): void {
    this.#alive = true; // nothing was read for a while, pongs neither
    this.#ws.resume();
  }

  /** @param sent when it was handed to the system */
  write(bytes: Buffer, sent: () => void): void {
    this.#ws.send(bytes, sent);
  }

  tell(message: FromTerminalServer): void {
    this.#ws.send(JSON.stringify(message), () => {});
  }

  /** Says why, and closes; whoever listened hears nothing more. */
  refuse({ code, detail, retry, close }: Refusal): void {
    this.tell({ type: "error", code, detail, retry });
    this.close(close, code);
  }

  close(code: number, reason: string): void {
    this.#listener = null;
    this.#ws.resume(); // to see the other side close
    this.#ws.close(code, reason);
  }

  #beat(): void {
    if (this.#ws.isPaused) return;
    if (!this.#alive) return void this.#ws.terminate();
    this.#alive = false;
    this.#ws.ping();
  }

  #hear(data: RawData, binary: boolean): void {
    this.#alive = true;
    const listener = this.#listener;
    if (!listener) return;
    const bytes = bytesOf(data);
    if (binary) {
      if (!listener.bytes(bytes)) this.#ws.pause();
      return;
    }
    const message = messageOf(bytes.toString());
    if (message) return void listener.said(message);
    this.refuse({
      code: "bad-request",
      detail: "A frame was no message of a terminal.",
      retry: false,
      close: CLOSE.policy,
    });
    listener.gone();
  }
}

function bytesOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

function messageOf(text: string): FromTerminalClient | null {
  try {
    return FromTerminalClient.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
