// The lines with which a job is reached from a terminal or an editor, quoted for where they go.

/** What of a job they are made of. */
export interface SshAccess {
  readonly jobId: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** "ssh-ed25519 AAAA…" */
  readonly hostKey: string;
}

const SSH_PORT = 22;
const SHORT = 8;

/** What a job is called in an SSH config: the end of its id, where ids of one day differ. */
export function sshAlias(jobId: string): string {
  return `berth-${jobId.slice(-SHORT)}`;
}

/** What ssh looks for in known_hosts when it is given host and port. */
export function knownName(host: string, port: number): string {
  return port === SSH_PORT ? host : `[${host}]:${port}`;
}

/** One line for known_hosts, good by address and by alias. */
export function knownHostsLine({ jobId, host, port, hostKey }: SshAccess): string {
  return `${sshAlias(jobId)},${knownName(host, port)} ${hostKey}`;
}

/** A block for ~/.ssh/config. The key is looked for by the alias, so that another job at the same address is no clash. */
export function sshConfig({ jobId, host, port, user }: SshAccess): string {
  const alias = sshAlias(jobId);
  return [
    `Host ${alias}`,
    `  HostName ${configValue(host.replaceAll("%", "%%"))}`,
    `  Port ${port}`,
    `  User ${configValue(user)}`,
    `  HostKeyAlias ${alias}`,
    "  UserKnownHostsFile ~/.ssh/known_hosts",
    "  StrictHostKeyChecking yes",
  ].join("\n");
}

/** Opens a folder of the job in VS Code by its alias: a port cannot be said there. */
export function vscodeLink({ jobId }: SshAccess, folder: string): string {
  const path = folder.split("/").map(encodeURIComponent).join("/");
  return `vscode://vscode-remote/ssh-remote+${sshAlias(jobId)}${path}`;
}

export interface OneLiner {
  readonly words: string;
  readonly line: string;
}

/** What people do next, without an SSH config. */
export function oneLiners({ host, port, user }: SshAccess): readonly OneLiner[] {
  // A colon ends the host in scp and rsync.
  const remote = (path: string) => shellWord(`${user}@${host.includes(":") ? `[${host}]` : host}:${path}`);
  const [scp, rsync] = port === SSH_PORT ? ["scp", "rsync"] : [`scp -P ${port}`, `rsync -e 'ssh -p ${port}'`];
  return [
    { words: "Copy a file to it", line: `${scp} ./file ${remote("")}` },
    { words: "Fetch a folder from it", line: `${scp} -r ${remote("folder")} .` },
    {
      words: "Keep a folder there as it is here (needs rsync on both sides)",
      line: `${rsync} -az ./folder/ ${remote("folder/")}`,
    },
  ];
}

const PLAIN = /^[\w@%+=:,./-]+$/;

/** For a POSIX shell. Brackets are plain nowhere: zsh takes them for a pattern. */
export function shellWord(text: string): string {
  return PLAIN.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** For ssh_config, whose quotes know no escape: a value that holds a line break or a quote is not one. */
function configValue(text: string): string {
  if (/["\p{Cc}]/u.test(text)) throw new Error("no value of an SSH config");
  return PLAIN.test(text) ? text : `"${text}"`;
}
