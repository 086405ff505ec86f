// What a terminal looks like: the console's tokens, read where they are resolved.
import type { ITheme } from "@xterm/xterm";

const TOKENS = {
  background: "--term",
  foreground: "--term-ink",
  cursor: "--term-mark",
  cursorAccent: "--term",
  selectionBackground: "--line-strong",
  black: "--line",
  red: "--bad",
  green: "--free",
  yellow: "--mining",
  blue: "--use",
  magenta: "--term-violet",
  cyan: "--term-cyan",
  white: "--ink-2",
  brightBlack: "--ink-3",
  brightRed: "--bad",
  brightGreen: "--free",
  brightYellow: "--mining",
  brightBlue: "--use",
  brightMagenta: "--term-violet",
  brightCyan: "--term-cyan",
  brightWhite: "--ink",
} as const satisfies Partial<Record<keyof ITheme, string>>;

/** @param frame an element of the terminal: a token may mean another colour elsewhere */
export function themeOf(frame: HTMLElement): ITheme {
  const probe = frame.appendChild(document.createElement("span"));
  const colours = Object.entries(TOKENS).map(([name, token]) => {
    probe.style.color = `var(${token})`;
    return [name, getComputedStyle(probe).color] as const;
  });
  probe.remove();
  return Object.fromEntries(colours);
}
