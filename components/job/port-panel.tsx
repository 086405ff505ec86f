// The way to what a job serves by HTTP, and to every other port of it.
import type { JobView } from "../../protocol/job-views.ts";
import { buttonClass } from "../ui/button.tsx";
import { CopyLine } from "../ui/copy-line.tsx";

interface PortPanelProps {
  readonly job: JobView;
  /** whether this broker serves ports of jobs at all */
  readonly served: boolean;
}

export function PortPanel({ job, served }: PortPanelProps) {
  const { ssh, http_port: port } = job;
  if (!ssh) return null;
  const asIs = job.runtime === "process" && job.command;
  return (
    <section aria-label="HTTP port" className="grid gap-2">
      {port !== null && served && (
        <form
          action={`/jobs/${job.id}/port`}
          method="post"
          target="_blank"
          rel="noopener"
          className="flex flex-wrap items-center gap-3"
        >
          <button type="submit" className={buttonClass()}>
            Open port {port}
          </button>
          <p className="min-w-0 flex-1 basis-60 text-ink-2 text-small">
            In a new tab, at an address of its own. Only you can open it: this browser is let in for 12 hours.
          </p>
        </form>
      )}
      {port !== null && !served && (
        <p className="text-ink-2 text-small">
          Port {port} cannot be opened here: the operator of this broker has named no domain for it.
        </p>
      )}
      {asIs && (
        <p className="text-ink-2 text-small">
          This provider runs plain processes: the template's command was not started. Start it yourself:{" "}
          <code className="[overflow-wrap:anywhere]">{job.command?.join(" ")}</code>
        </p>
      )}
      <details className="text-ink-2 text-small">
        <summary className="w-fit py-1 underline decoration-edge underline-offset-3">
          {port === null ? "Reach a port of it" : "Reach any other port"}
        </summary>
        <div className="mt-2 grid gap-2">
          <p>
            ssh brings a port here, for as long as it runs. Then open <code>http://127.0.0.1:8080</code>:
          </p>
          <CopyLine
            text={`ssh -N -p ${ssh.port} -L 8080:127.0.0.1:8080 ${ssh.user}@${ssh.host}`}
            label="Copy the command that brings a port here"
          />
        </div>
      </details>
    </section>
  );
}
