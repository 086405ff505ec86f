"use client";
// A shell in the job, in the window. How it stands is always said; the way out is the first stop of the Tab key.
import clsx from "clsx";
import { useCallback, useEffect, useRef, useState } from "react";
import { Button, LinkButton } from "../ui/button.tsx";
import type { Line, LineState } from "./terminal/line.ts";
import type { Xterm } from "./terminal/screen.ts";
import "./terminal/terminal.css";

/** Keys that a phone's keyboard lacks, and what they send. */
const KEYS = [
  ["Esc", "\x1b"],
  ["Tab", "\t"],
  ["Ctrl C", "\x03"],
  ["Ctrl D", "\x04"],
  ["←", "\x1b[D"],
  ["↑", "\x1b[A"],
  ["↓", "\x1b[B"],
  ["→", "\x1b[C"],
] as const;
const KEY_NAMES: Readonly<Record<string, string>> = { "←": "Left", "↑": "Up", "↓": "Down", "→": "Right" };
const READ_ALOUD = "berth-terminal-aloud";

interface TerminalProps {
  readonly jobId: string;
  readonly name: string;
  /** Why a terminal would be refused now; null where nothing speaks against it. */
  readonly refusal: () => Promise<string | null>;
}

function saying(state: LineState): string {
  switch (state.kind) {
    case "connecting":
      return "Connecting…";
    case "connected":
      return "Connected";
    case "idle":
      return `Nobody typed for long: it ends in ${state.endsInSeconds} s unless you do.`;
    case "waiting":
      return `${state.why} Again in ${state.seconds} s.`;
    case "ended":
      return state.why;
  }
}

const TONES: Readonly<Record<LineState["kind"], string>> = {
  connecting: "text-ink-2",
  connected: "text-free",
  idle: "text-mining",
  waiting: "text-mining",
  ended: "text-ink",
};

export function JobTerminal({ jobId, name, refusal }: TerminalProps) {
  const frame = useRef<HTMLDivElement>(null);
  const leave = useRef<HTMLAnchorElement>(null);
  const line = useRef<Line | null>(null);
  const xterm = useRef<Xterm | null>(null);
  const ask = useRef(refusal);
  const [state, setState] = useState<LineState>({ kind: "connecting" });
  const [aloud, setAloud] = useState(false);
  const [said, setSaid] = useState("");

  const copy = useCallback(async () => {
    const text = xterm.current?.text() ?? "";
    const copied = await navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
    setSaid(copied ? "Copied" : "The browser does not let us copy.");
  }, []);

  useEffect(() => {
    const room = frame.current;
    if (!room) return;
    let gone = false;
    const hurry = () => line.current?.hurry();
    const open = async () => {
      const [{ openXterm }, parts] = await Promise.all([import("./terminal/screen.ts"), import("./terminal/line.ts")]);
      if (gone) return;
      const readAloud = localStorage.getItem(READ_ALOUD) === "yes";
      setAloud(readAloud);
      const opened = await openXterm(room, readAloud, {
        type: (bytes) => void line.current?.type(bytes),
        resize: (cols, rows) => line.current?.resize(cols, rows),
        leave: () => leave.current?.focus(),
        copy: () => void copy(),
      });
      if (gone) return opened.close();
      xterm.current = opened;
      const key = `berth-terminal:${jobId}`;
      line.current = new parts.Line({
        url: parts.urlOf(jobId, location.origin),
        screen: opened.screen,
        onState: setState,
        refusal: () => ask.current(),
        memory: {
          read: () => sessionStorage.getItem(key),
          write: (session) => {
            if (session === null) sessionStorage.removeItem(key);
            else sessionStorage.setItem(key, session);
          },
        },
      });
      line.current.connect();
      opened.terminal.focus();
    };
    void open().catch(() => setState({ kind: "ended", why: "The terminal could not be loaded. Load the page again." }));
    window.addEventListener("online", hurry);
    return () => {
      gone = true;
      window.removeEventListener("online", hurry);
      line.current?.leave();
      xterm.current?.close();
      line.current = null;
      xterm.current = null;
    };
  }, [jobId, copy]);

  // A phone's keyboard covers the page without making it smaller.
  useEffect(() => {
    const { visualViewport } = window;
    const fit = () => {
      document.documentElement.style.setProperty("--visible-height", `${visualViewport?.height ?? innerHeight}px`);
    };
    visualViewport?.addEventListener("resize", fit);
    return () => visualViewport?.removeEventListener("resize", fit);
  }, []);

  async function paste(): Promise<void> {
    try {
      xterm.current?.terminal.paste(await navigator.clipboard.readText());
      setSaid("");
    } catch {
      setSaid("The browser does not let us read the clipboard: use its own paste.");
    }
    xterm.current?.terminal.focus();
  }
  function toggleAloud(): void {
    const next = !aloud;
    setAloud(next);
    localStorage.setItem(READ_ALOUD, next ? "yes" : "no");
    if (xterm.current) xterm.current.terminal.options.screenReaderMode = next;
  }
  function again(): void {
    setSaid("");
    line.current?.connect();
    xterm.current?.terminal.focus();
  }
  function press(keys: string): void {
    line.current?.type(new TextEncoder().encode(keys));
  }

  return (
    <section aria-label={`Terminal of ${name}`} className="terminal-window">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1 border-line border-b bg-sheet px-3 py-1.5">
        <LinkButton ref={leave} href={`/jobs/${jobId}`} small>
          Leave
        </LinkButton>
        <h1 className="min-w-0 truncate text-cell">{name}</h1>
        <p role="status" className={clsx("min-w-0 text-small", TONES[state.kind])} data-line={state.kind}>
          {said ? `${said} · ` : ""}
          {saying(state)}
        </p>
        <div className="ml-auto flex flex-wrap gap-1.5">
          {state.kind === "waiting" && (
            <Button small tone="go" onClick={() => line.current?.hurry()}>
              Connect now
            </Button>
          )}
          {state.kind === "ended" && (
            <Button small tone="go" onClick={again}>
              Open a shell again
            </Button>
          )}
          <Button small onClick={() => void copy()}>
            Copy
          </Button>
          <Button small onClick={() => void paste()}>
            Paste
          </Button>
          <Button small aria-pressed={aloud} onClick={toggleAloud}>
            Screen reader
          </Button>
        </div>
      </div>
      <div ref={frame} className="terminal-frame font-mono" />
      <div className="terminal-keys">
        {KEYS.map(([label, keys]) => (
          <Button key={label} small aria-label={KEY_NAMES[label]} onClick={() => press(keys)}>
            {label}
          </Button>
        ))}
      </div>
      <p className="terminal-hint border-line border-t bg-sheet px-3 py-1 text-ink-2 text-small">
        <kbd>Shift Esc</kbd> leaves the terminal for the buttons above. <kbd>Ctrl Shift C</kbd> copies,{" "}
        <kbd>Ctrl Shift V</kbd> pastes. A shell waits a minute for you to come back.
      </p>
    </section>
  );
}
