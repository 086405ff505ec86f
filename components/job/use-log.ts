"use client";
// A log as it is followed by a browser: server-sent events into lines, while somebody looks.
import { useCallback, useEffect, useRef, useState } from "react";
import { type LogLines, MOST_SHOWN, NO_LINES, withText } from "./log-lines.ts";

export type LogState = "opening" | "live" | "paused" | "waiting" | "refused" | "over";

export interface FollowedLog {
  readonly log: LogLines;
  /** more was written before the first line than is shown */
  readonly truncated: boolean;
  readonly state: LogState;
  retry(): void;
}

interface Shown {
  readonly log: LogLines;
  readonly truncated: boolean;
}

/** What comes together is shown together. */
const GATHER_MS = 80;
const FIRST_LINES = 200;

/** What comes next, until it is shown. */
class Gathered {
  reset: { readonly truncated: boolean } | null = null;
  text = "";

  onto(shown: Shown): Shown {
    const start = this.reset ? { log: NO_LINES, truncated: this.reset.truncated } : shown;
    return { ...start, log: withText(start.log, this.text) };
  }
}

/**
 * @param path of the log on the wire
 * @param over whether nothing comes any more. What it was at first counts: the stream itself tells of the end, after the
 * last words.
 */
export function useLog(path: string, first: Shown, over: boolean): FollowedLog {
  const [shown, setShown] = useState(first);
  const [wasOver] = useState(over);
  const [state, setState] = useState<LogState>(over ? "over" : "opening");
  const [attempt, setAttempt] = useState(0);
  const count = useRef(FIRST_LINES); // what was before the reader is asked for again
  useEffect(() => {
    count.current = Math.max(FIRST_LINES, Math.min(MOST_SHOWN, shown.log.lines.length));
  }, [shown]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt opens the same stream anew
  useEffect(() => {
    if (wasOver) return;
    let source: EventSource | null = null;
    let gathered = new Gathered();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const show = () => {
      const ready = gathered;
      gathered = new Gathered();
      timer = undefined;
      setShown((shown) => ready.onto(shown));
    };
    const soon = () => {
      timer ??= setTimeout(show, GATHER_MS);
    };
    const close = () => {
      source?.close();
      source = null;
    };
    const open = () => {
      const stream = new EventSource(`${path}?follow=1&tail=${count.current}`);
      source = stream;
      stream.onopen = () => setState("live");
      stream.onerror = () => setState(stream.readyState === EventSource.CLOSED ? "refused" : "waiting");
      stream.addEventListener("reset", ({ data }) => {
        gathered.reset = { truncated: Boolean(JSON.parse(data).truncated) };
        gathered.text = "";
        soon();
      });
      stream.addEventListener("logs", ({ data }) => {
        gathered.text += String(JSON.parse(data).text);
        soon();
      });
      stream.addEventListener("end", () => {
        close();
        setState("over");
        document.removeEventListener("visibilitychange", look);
      });
    };
    // A tab that nobody looks at holds no stream.
    const look = () => {
      if (document.visibilityState === "hidden") {
        close();
        setState("paused");
      } else if (!source) open();
    };
    document.addEventListener("visibilitychange", look);
    look();
    return () => {
      document.removeEventListener("visibilitychange", look);
      clearTimeout(timer);
      close();
    };
  }, [path, wasOver, attempt]);

  const retry = useCallback(() => {
    setState("opening");
    setAttempt((n) => n + 1);
  }, []);
  return { ...shown, state, retry };
}
