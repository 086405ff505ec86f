"use client";
// job.yaml to write in: a plain textarea, with numbers beside its lines and its problems below, each a way to its line.
import clsx from "clsx";
import { useRef } from "react";
import type { JobProblem } from "./job-yaml.ts";

interface YamlEditorProps {
  readonly text: string;
  readonly problems: readonly JobProblem[];
  readonly onChange: (text: string) => void;
}

const LEAST_LINES = 16;
const MOST_LINES = 34;

export function YamlEditor({ text, problems, onChange }: YamlEditorProps) {
  const area = useRef<HTMLTextAreaElement>(null);
  const numbers = useRef<HTMLOListElement>(null);
  const lines = text.split("\n");
  const bad = new Set(problems.map(({ line }) => line));

  function goTo(line: number) {
    const start = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
    area.current?.focus();
    area.current?.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
  }

  return (
    <section className="sheet min-w-0" aria-label="job.yaml">
      <div className="flex flex-wrap items-baseline justify-between gap-2 border-line border-b px-4 py-3">
        <h2>
          <label htmlFor="yaml">job.yaml</label>
        </h2>
        <span className="text-ink-3 text-small">changes the form, and follows it</span>
      </div>
      <div className="flex bg-sunk font-mono text-small leading-[1.5]">
        <ol
          ref={numbers}
          aria-hidden="true"
          className="num w-11 flex-none select-none overflow-hidden py-2 text-right text-ink-3 text-small"
          style={{ height: `calc(${Math.min(MOST_LINES, Math.max(LEAST_LINES, lines.length + 1))} * 1.5em + 1rem)` }}
        >
          {lines.map((_, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a line is its number
            <li key={at} className={clsx("h-[1.5em] pr-2", bad.has(at + 1) && "bg-bad-wash font-[600] text-bad")}>
              {bad.has(at + 1) ? `✕ ${at + 1}` : at + 1}
            </li>
          ))}
        </ol>
        <textarea
          ref={area}
          id="yaml"
          name="yaml"
          wrap="off"
          spellCheck={false}
          autoCapitalize="off"
          autoComplete="off"
          value={text}
          onChange={(event) => onChange(event.target.value)}
          onScroll={(event) => {
            if (numbers.current) numbers.current.scrollTop = event.currentTarget.scrollTop;
          }}
          aria-invalid={problems.length > 0 || undefined}
          aria-describedby={problems.length > 0 ? "yaml-problems" : undefined}
          className="min-w-0 flex-1 resize-none overflow-auto whitespace-pre border-line border-l bg-sheet px-3 py-2 text-ink leading-[1.5]"
        />
      </div>
      <div id="yaml-problems" aria-live="polite">
        {problems.length > 0 && (
          <ul className="border-line border-t px-4 py-2.5 text-small">
            {problems.map(({ line, field, message }) => (
              <li key={`${line} ${field} ${message}`} className="py-0.5">
                <button
                  type="button"
                  onClick={() => goTo(line)}
                  className="text-left font-[560] text-bad underline underline-offset-3"
                >
                  Line {line}
                </button>
                : {field && <code>{field}</code>} {message}
              </li>
            ))}
          </ul>
        )}
      </div>
    </section>
  );
}
