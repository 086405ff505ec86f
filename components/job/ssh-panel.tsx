// How to get in.
import type { JobView } from "../../protocol/views.ts";
import { CopyLine } from "../ui/copy-line.tsx";

export function SshPanel({ job }: { readonly job: JobView }) {
  if (!job.ssh) return null;
  const known = job.ssh.port === 22 ? job.ssh.host : `[${job.ssh.host}]:${job.ssh.port}`;
  return (
    <section aria-label="SSH" className="grid gap-2">
      <CopyLine text={job.ssh.command} label="Copy the SSH command" />
      <details className="text-ink-2 text-small">
        <summary className="w-fit py-1 underline decoration-edge underline-offset-3">Check the host key first</summary>
        <div className="mt-2 grid gap-2">
          <p>
            ssh will show this fingerprint:{" "}
            <span className="num [overflow-wrap:anywhere]">{job.host_key_fingerprint}</span>. Or add the line to{" "}
            <code>~/.ssh/known_hosts</code> and it will not ask:
          </p>
          <CopyLine text={`${known} ${job.ssh.host_key}`} label="Copy the known_hosts line" prompt="" />
        </div>
      </details>
    </section>
  );
}
