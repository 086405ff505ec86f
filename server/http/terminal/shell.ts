// One shell and whoever looks at it: bytes both ways, no faster than either side takes them, until one of its ends.
import { finished } from "node:stream/promises";
import type { FromTerminalClient } from "../../../protocol/terminal.ts";
import type { ExitStatus, Session, TerminalSize } from "../../deps.ts";
import { type Browser, CLOSE, type Refusal } from "./browser.ts";
import { KeptOutput } from "./kept-output.ts";
import type { TerminalLaws } from "./laws.ts";

/** More than this is not piled up for a connection that takes it slowly. */
const MOST_WAITING_BYTES = 128 << 10;
/** What still comes when its output is paused: one read of it, of any runtime. */
const ONE_READ_BYTES = 128 << 10;

/** How a shell ended: by itself, or for what reason else. */
type ShellEnd = ExitStatus | Refusal;

/** What whoever keeps a shell does for it. */
export interface ShellLife {
  /** Why the connection to it broke. It never rejects. */
  whyBroken(): Promise<Refusal>;
  /** It is over; called once. */
  over(): void;
}

const IDLE: Refusal = {
  code: "idle",
  detail: "Nobody typed for a long time, so the terminal was closed.",
  retry: false,
  close: CLOSE.done,
};
const TAKEN_OVER: Refusal = {
  code: "taken-over",
  detail: "This terminal was taken over in another window.",
  retry: false,
  close: CLOSE.done,
};

export class Shell {
  readonly id: string;
  readonly #session: Session;
  readonly #laws: TerminalLaws;
  readonly #life: ShellLife;
  readonly #kept: KeptOutput;
  #browser: Browser | null = null;
  /** how much of its output was seen, as far as that is known */
  #seen = 0;
  /** whether the browser says what it has shown */
  #acks = false;
  #end: ShellEnd | null = null;
  #over = false;
  #idle: NodeJS.Timeout;
  #held: NodeJS.Timeout | undefined;

  constructor(id: string, session: Session, laws: TerminalLaws, life: ShellLife) {
    this.id = id;
    this.#session = session;
    this.#laws = laws;
    this.#life = life;
    this.#kept = new KeptOutput(laws.keptBytes + ONE_READ_BYTES);
    this.#idle = this.#awaitInput();
    session.input.on("error", () => {}); // it went away; `exit` says how
    session.input.on("drain", () => this.#browser?.goOn());
    session.errors.on("error", () => {}).resume();
    session.output.on("data", (part: Buffer) => this.#show(part));
    const read = finished(session.output, { writable: false }).catch(() => {});
    void Promise.all([session.exit, read]).then(async ([status]) => {
      const known = status.code !== null || status.signal !== null;
      this.#ended(known ? status : await life.whyBroken());
    });
  }

  /** Whether somebody looks at it. */
  get attended(): boolean {
    return this.#browser !== null;
  }

  /** @param received how much of its output that browser has; null: nothing */
  attach(browser: Browser, size: TerminalSize, received: number | null, resumed: boolean): void {
    const { from, bytes } = this.#kept.since(received);
    const before = this.#browser;
    this.#browser = browser;
    before?.refuse(TAKEN_OVER);
    clearTimeout(this.#held);
    this.#seen = this.#kept.end;
    this.#acks = false;
    browser.tell({ type: "opened", session: this.id, resumed, from });
    if (bytes.length > 0) browser.write(bytes, () => this.#flow());
    if (this.#end) return void this.#farewell(browser, this.#end);
    this.#session.resize(size);
    browser.listen({
      bytes: (part) => this.#type(part),
      said: (message) => this.#hear(message),
      gone: () => this.#left(browser),
    });
    this.#flow();
  }

  /** Ends it from our side; once. */
  end(why: Refusal): void {
    if (this.#over) return;
    this.#browser?.refuse(why);
    this.#close();
  }

  #show(part: Buffer): void {
    this.#kept.add(part);
    this.#browser?.write(part, () => this.#flow());
    if (this.#browser && !this.#acks) this.#seen = this.#kept.end;
    this.#flow();
  }

  /** Lets it write on as long as somebody keeps up; without anybody, as long as nothing unseen is lost. */
  #flow(): void {
    const full = (this.#browser?.waiting ?? 0) > MOST_WAITING_BYTES;
    if (full || this.#kept.end - this.#seen >= this.#laws.keptBytes) this.#session.output.pause();
    else if (this.#session.output.isPaused()) this.#session.output.resume();
  }

  #type(part: Buffer): boolean {
    clearTimeout(this.#idle);
    this.#idle = this.#awaitInput();
    return this.#session.input.writable ? this.#session.input.write(part) : true;
  }

  #hear(message: FromTerminalClient): void {
    if (message.type === "resize") return void this.#session.resize({ cols: message.cols, rows: message.rows });
    const known = this.#acks ? this.#seen : this.#kept.start;
    this.#acks = true;
    this.#seen = Math.min(Math.max(known, message.received), this.#kept.end);
    this.#flow();
  }

  #left(browser: Browser): void {
    if (this.#browser !== browser) return;
    this.#browser = null;
    this.#held = setTimeout(() => this.end(IDLE), this.#laws.heldMs);
    this.#flow();
  }

  #awaitInput(): NodeJS.Timeout {
    const { idleMs, warnMs } = this.#laws;
    return setTimeout(() => {
      this.#browser?.tell({ type: "idle", ends_in_seconds: Math.round(warnMs / 1000) });
      this.#idle = setTimeout(() => this.end(IDLE), warnMs);
    }, idleMs - warnMs);
  }

  /** An end that nobody saw is told to the browser that comes back. */
  #ended(end: ShellEnd): void {
    if (this.#over) return;
    this.#end = end;
    if (this.#browser) this.#farewell(this.#browser, end);
  }

  #farewell(browser: Browser, end: ShellEnd): void {
    if ("close" in end) return void this.end(end);
    browser.tell({ type: "exit", ...end });
    browser.close(CLOSE.done, "exit");
    this.#close();
  }

  #close(): void {
    this.#over = true;
    this.#browser = null;
    clearTimeout(this.#idle);
    clearTimeout(this.#held);
    this.#session.close();
    this.#session.output.destroy();
    this.#life.over();
  }
}
