// What came of it: the accepted stdout to read, copy and keep, what runs wrote to stderr, and the output files.
import type { BatchExecutionView, BatchJobView } from "../../protocol/batch.ts";
import { Panel } from "../shell/page.tsx";
import { buttonClass } from "../ui/button.tsx";

/** More than this is cut on the page; the download has it all. */
const SHOWN_CHARACTERS = 20_000;

function Words({ text, label }: { readonly text: string; readonly label: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
    <section className="max-h-96 overflow-auto rounded-std bg-term px-4 py-3" tabIndex={0} aria-label={label}>
      <pre className="whitespace-pre-wrap font-mono text-small text-term-ink [overflow-wrap:anywhere]">
        {text.slice(0, SHOWN_CHARACTERS)}
        {text.length > SHOWN_CHARACTERS && "\n… the download has the rest"}
      </pre>
    </section>
  );
}

export function ResultPanel({ job }: { readonly job: BatchJobView }) {
  if (job.result === undefined) return null;
  return (
    <section className="sheet p-4" aria-label="Result">
      <div className="mb-3 flex flex-wrap items-center gap-2">
        <h2>Result</h2>
        <span className="text-ink-3 text-small">stdout of an accepted run</span>
        <span className="ml-auto flex gap-2">
          <button type="button" className={buttonClass("plain", true)} data-copy={job.result}>
            Copy
          </button>
          <a className={buttonClass("plain", true)} href={`/jobs/${job.id}/result.txt`} download>
            Download
          </a>
        </span>
      </div>
      {job.result === "" ? (
        <p className="text-cell text-ink-3">Nothing was written to stdout.</p>
      ) : (
        <Words text={job.result} label="stdout" />
      )}
    </section>
  );
}

const size = (bytes: number) => (bytes < 1024 ? `${bytes} B` : `${(bytes / 1024).toFixed(1)} KiB`);

/** Files of the first run that agreed, or else of the first that left any. */
export function FilesPanel({
  id,
  executions,
}: {
  /** of the job, where its files can be had; null where nothing was accepted */
  readonly id: string | null;
  readonly executions: readonly BatchExecutionView[];
}) {
  const from =
    executions.find(({ vote, files }) => vote === "agreed" && files.length > 0) ??
    executions.find(({ files }) => files.length > 0);
  if (!from) return null;
  return (
    <Panel title="Output files" note={`of run ${from.number}, on ${from.provider_name}`}>
      <ul className="text-cell">
        {from.files.map(({ path, bytes }) => (
          <li
            key={path}
            className="flex justify-between gap-4 border-line border-b border-dashed py-1.5 last:border-b-0"
          >
            {id === null ? (
              <code className="min-w-0 [overflow-wrap:anywhere]">{path}</code>
            ) : (
              <a
                className="min-w-0 [overflow-wrap:anywhere]"
                href={`/jobs/${id}/file?path=${encodeURIComponent(path)}`}
              >
                <code>{path}</code>
              </a>
            )}
            <span className="num whitespace-nowrap">{size(bytes)}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

export function ErrorsPanel({ executions }: { readonly executions: readonly BatchExecutionView[] }) {
  const wrote = executions.filter(({ logs }) => logs);
  if (wrote.length === 0) return null;
  return (
    <Panel title="What runs wrote to stderr" note="not compared">
      <div className="grid gap-2">
        {wrote.map(({ id, number, provider_name: name, logs = "" }) => (
          <details key={id} open={wrote.length === 1}>
            <summary className="w-fit py-1 text-cell underline decoration-edge underline-offset-3">
              Run {number}, {name}
            </summary>
            <Words text={logs} label={`stderr of run ${number}`} />
          </details>
        ))}
      </div>
    </Panel>
  );
}
