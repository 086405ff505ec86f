// How to get in: the line to copy, what makes an editor find it, and what people do next.
import type { JobView } from "../../protocol/job-views.ts";
import { buttonClass } from "../ui/button.tsx";
import { CopyLine } from "../ui/copy-line.tsx";
import { knownHostsLine, oneLiners, type SshAccess, sshAlias, sshConfig, vscodeLink } from "./ssh-access.ts";

export function SshPanel({ job }: { readonly job: JobView }) {
  if (!job.ssh) return null;
  const access: SshAccess = { ...job.ssh, jobId: job.id, hostKey: job.ssh.host_key };
  const alias = sshAlias(job.id);
  return (
    <section aria-label="SSH" className="grid gap-2">
      <CopyLine text={job.ssh.command} label="Copy the SSH command" />
      <div className="flex flex-wrap items-center gap-2">
        <a className={buttonClass("plain", true)} href={vscodeLink(access, HOME[job.ssh.user] ?? "/")}>
          Open in VS Code
        </a>
        <p className="text-ink-3 text-small">VS Code needs its Remote-SSH extension and the SSH config below.</p>
      </div>
      <Details words="Check the host key first">
        <p>
          ssh will show this fingerprint:{" "}
          <span className="num [overflow-wrap:anywhere]">{job.host_key_fingerprint}</span>. Or add the line to{" "}
          <code>~/.ssh/known_hosts</code> and it will not ask:
        </p>
        <CopyLine text={knownHostsLine(access)} label="Copy the known_hosts line" prompt="" />
      </Details>
      <Details words="SSH config, for editors and short commands">
        <p>
          Add this to <code>~/.ssh/config</code> and the host key line above to <code>~/.ssh/known_hosts</code>. Then{" "}
          <code>ssh {alias}</code> is enough, and a machine that only pretends to be this one is refused. Add an{" "}
          <code>IdentityFile</code> line where your key is not one that ssh tries by itself.
        </p>
        <CopyBlock text={sshConfig(access)} label="Copy the SSH config" />
      </Details>
      <Details words="Copy files to it and from it">
        {oneLiners(access).map(({ words, line }) => (
          <div key={words} className="grid gap-1">
            <p>{words}:</p>
            <CopyLine text={line} label={`Copy: ${words}`} />
          </div>
        ))}
      </Details>
    </section>
  );
}

const HOME: Readonly<Record<string, string>> = { root: "/root" };

function Details({ words, children }: { readonly words: string; readonly children: React.ReactNode }) {
  return (
    <details className="text-ink-2 text-small">
      <summary className="w-fit py-1 underline decoration-edge underline-offset-3">{words}</summary>
      <div className="mt-2 mb-2 grid gap-2">{children}</div>
    </details>
  );
}

function CopyBlock({ text, label }: { readonly text: string; readonly label: string }) {
  return (
    <div className="flex items-start justify-between gap-3 rounded-std bg-term px-4 py-3 font-mono text-small text-term-ink">
      <pre className="min-w-0 whitespace-pre-wrap font-mono [overflow-wrap:anywhere]">{text}</pre>
      <button
        type="button"
        data-copy={text}
        aria-label={label}
        className="flex-none rounded-std bg-[#1c2a36] px-2.5 py-1.5 font-sans text-small font-[520] text-term-ink hover:bg-[#293b4a]"
      >
        Copy
      </button>
    </div>
  );
}
