"use client";
// What the job wrote: there without script, live with it, and at its newest line unless the reader went back.
import { useLayoutEffect, useRef, useState } from "react";
import { LOG_DAYS } from "../../domain/job/log-tail.ts";
import { Button, buttonClass } from "../ui/button.tsx";
import { type LogLine, NO_LINES, shownLines, withText } from "./log-lines.ts";
import { type LogState, useLog } from "./use-log.ts";

interface LogsPanelProps {
  readonly jobId: string;
  /** what the server read; null where it could not */
  readonly first: { readonly text: string; readonly truncated: boolean } | null;
  /** the job is over: nothing more comes */
  readonly over: boolean;
}

const WORDS: Readonly<Record<LogState, string>> = {
  opening: "",
  live: "live",
  paused: "paused",
  waiting: "connection lost, trying again",
  refused: "",
  over: "ended",
};
/** So near the end counts as at the end, in CSS pixels. */
const NEAR = 24;

export function LogsPanel({ jobId, first, over }: LogsPanelProps) {
  const [start] = useState(() => ({
    log: withText(NO_LINES, first?.text ?? ""),
    truncated: first?.truncated ?? false,
  }));
  const { log, truncated, state, retry } = useLog(`/api/v1/jobs/${jobId}/logs`, start, over && first !== null);
  const [wrapped, setWrapped] = useState(true);
  const lines = shownLines(log);
  const refused = state === "refused" || (first === null && state === "opening");
  return (
    <section className="sheet p-4" aria-label="Log">
      <div className="mb-3 flex flex-wrap items-center gap-x-3 gap-y-2">
        <h2>Log</h2>
        <span role="status" className="text-ink-3 text-small">
          {WORDS[state]}
        </span>
        {lines.length > 0 && (
          <div className="ml-auto flex flex-wrap gap-2">
            <Button
              small
              aria-pressed={wrapped}
              className={wrapped ? "bg-off-wash" : undefined}
              onClick={() => setWrapped(!wrapped)}
            >
              Wrap
            </Button>
            <CopyAll lines={lines} />
            <a className={buttonClass("plain", true)} href={`/jobs/${jobId}/log.txt`} download>
              Download
            </a>
          </div>
        )}
      </div>
      {refused && (
        <div role="alert" className="mb-3 flex flex-wrap items-center gap-3 text-cell">
          <p>The log cannot be read now.</p>
          <Button small onClick={retry}>
            Try again
          </Button>
        </div>
      )}
      {lines.length === 0 ? (
        !refused && (
          <p className="text-cell text-ink-3">
            {state === "over" ? "Nothing was written." : "Nothing was written yet."}
          </p>
        )
      ) : (
        <Scroller lines={lines} wrapped={wrapped} older={truncated || log.dropped} />
      )}
      {state === "over" && lines.length > 0 && (
        <p className="mt-2 text-ink-3 text-small">It is kept for {LOG_DAYS} days after the end.</p>
      )}
    </section>
  );
}

interface ScrollerProps {
  readonly lines: readonly LogLine[];
  readonly wrapped: boolean;
  /** there are older lines than these */
  readonly older: boolean;
}

function Scroller({ lines, wrapped, older }: ScrollerProps) {
  const box = useRef<HTMLDivElement>(null);
  const [following, setFollowing] = useState(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: new lines are what it follows
  useLayoutEffect(() => {
    const { current } = box;
    if (current && following) current.scrollTop = current.scrollHeight;
  }, [lines, wrapped, following]);
  const look = () => {
    const { current } = box;
    if (current) setFollowing(current.scrollHeight - current.scrollTop - current.clientHeight < NEAR);
  };
  return (
    <div className="relative">
      {/* Focusable, so that arrow keys scroll it; not read out as it grows: nobody could listen to that. */}
      <div
        ref={box}
        onScroll={look}
        role="log"
        aria-live="off"
        aria-label="What it wrote"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reached by keys
        tabIndex={0}
        className="max-h-[26rem] overflow-auto rounded-std bg-term px-4 py-3 font-mono text-small text-term-ink"
      >
        {older && <p className="mb-2 text-[#93a1ad]">Older lines are left out here.</p>}
        <ol className={wrapped ? "whitespace-pre-wrap [overflow-wrap:anywhere]" : "w-max min-w-full whitespace-pre"}>
          {lines.map(({ number, text }) => (
            <li key={number}>{text || " "}</li>
          ))}
        </ol>
      </div>
      {!following && (
        <Button small className="absolute right-4 bottom-3 shadow-md" onClick={() => setFollowing(true)}>
          Jump to newest
        </Button>
      )}
    </div>
  );
}

function CopyAll({ lines }: { readonly lines: readonly LogLine[] }) {
  const [words, setWords] = useState("Copy");
  async function copy() {
    const text = lines.map((line) => `${line.text}\n`).join("");
    setWords(
      await navigator.clipboard.writeText(text).then(
        () => "Copied",
        () => "Not allowed",
      ),
    );
    setTimeout(() => setWords("Copy"), 1500);
  }
  return (
    <Button small onClick={copy} aria-label={words === "Copy" ? "Copy what is shown" : words}>
      {words}
    </Button>
  );
}
