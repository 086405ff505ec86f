// xterm.js, set up as the console wants it. Loaded only by whoever opens a terminal.
import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import { themeOf } from "./look.ts";

const SCROLLBACK_LINES = 10_000;
/** What a program may have left switched on, off again: its other screen, its keys, its mouse, its colours. */
const AFRESH = "\x1b[?1049l\x1b[!p\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[0m";

export interface XtermHandlers {
  type(bytes: Uint8Array): void;
  resize(cols: number, rows: number): void;
  /** The keyboard wants out. */
  leave(): void;
  copy(): void;
}

/** Opens a terminal in the frame and keeps it as large as that. */
export async function openXterm(frame: HTMLElement, readAloud: boolean, handlers: XtermHandlers) {
  const { fontFamily } = getComputedStyle(frame);
  const fontSize = window.matchMedia("(max-width: 40rem)").matches ? 12 : 14;
  await document.fonts.load(`${fontSize}px ${fontFamily}`).catch(() => []); // cells are measured once
  const terminal = new Terminal({
    fontFamily,
    fontSize,
    lineHeight: 1.2,
    theme: themeOf(frame),
    minimumContrastRatio: 4.5,
    scrollback: SCROLLBACK_LINES,
    cursorBlink: !window.matchMedia("(prefers-reduced-motion: reduce)").matches,
    screenReaderMode: readAloud,
    macOptionIsMeta: true,
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.open(frame);
  fit.fit();

  const encoder = new TextEncoder();
  terminal.onData((text) => handlers.type(encoder.encode(text)));
  terminal.onBinary((text) => handlers.type(Uint8Array.from(text, (character) => character.charCodeAt(0))));
  terminal.onResize(({ cols, rows }) => handlers.resize(cols, rows));
  terminal.attachCustomKeyEventHandler((event) => {
    if (event.shiftKey && event.key === "Escape") {
      event.preventDefault();
      if (event.type === "keydown") handlers.leave();
      return false;
    }
    const wants = event.ctrlKey && event.shiftKey ? event.code : "";
    if (wants === "KeyC") {
      event.preventDefault();
      if (event.type === "keydown") handlers.copy();
      return false;
    }
    return wants !== "KeyV"; // the browser pastes
  });

  let due = 0;
  const sized = new ResizeObserver(() => {
    cancelAnimationFrame(due);
    due = requestAnimationFrame(() => fit.fit());
  });
  sized.observe(frame);
  const themed = new MutationObserver(() => {
    terminal.options.theme = themeOf(frame);
  });
  themed.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });

  return {
    terminal,
    screen: {
      get size() {
        return { cols: terminal.cols, rows: terminal.rows };
      },
      write: (bytes: Uint8Array, shown: () => void) => terminal.write(bytes, shown),
      reset: (why: "missed" | "another-shell") => {
        if (why === "missed") terminal.reset();
        else terminal.write(`${AFRESH}\r\n\x1b[2m— a new shell: what ran in the one before is over —\x1b[0m\r\n`);
      },
    },
    /** All that it shows, or what is selected of it. */
    text(): string {
      if (terminal.hasSelection()) return terminal.getSelection();
      terminal.selectAll();
      const all = terminal.getSelection().trimEnd();
      terminal.clearSelection();
      return all;
    },
    close() {
      sized.disconnect();
      themed.disconnect();
      cancelAnimationFrame(due);
      terminal.dispose();
    },
  };
}
export type Xterm = Awaited<ReturnType<typeof openXterm>>;
