// The systemd unit of an installed agent.
import { SYSTEM_DATA } from "./paths.ts";

export const SERVICE = "berth-agent.service";

export interface UnitWish {
  /** Words of ExecStart, the program first. */
  readonly command: readonly string[];
  readonly dataDir: string;
  /** kubeadm, which the agent may run, writes all over the machine. */
  readonly joinsCluster: boolean;
}

/** One word of a command line as systemd reads it. */
function word(text: string): string {
  const escaped = text.replace(/[\\"]/g, "\\$&").replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /^[\w@%+=:,./-]+$/.test(escaped) ? escaped : `"${escaped}"`;
}

const inHome = (path: string) => /^\/(home|root|run\/user)(\/|$)/.test(path);

/**
 * Only the agent itself is ended with the unit: executions are other people's work and are adopted by the next start.
 * What would keep bubblewrap from making its own namespaces, or the driver's devices away, is not forbidden.
 */
export function renderUnit({ command, dataDir, joinsCluster }: UnitWish): string {
  const hardening = joinsCluster
    ? []
    : [
        "NoNewPrivileges=yes",
        "ProtectSystem=full",
        ...(inHome(dataDir) ? [] : ["ProtectHome=read-only"]),
        "RestrictRealtime=yes",
        "KeyringMode=private",
      ];
  const state = dataDir === SYSTEM_DATA ? ["StateDirectory=berth-agent", "StateDirectoryMode=0700"] : [];
  return `# Written by \`berth-agent install\`; the next install writes it again. Own settings: systemctl edit berth-agent.
[Unit]
Description=Berth agent
After=network-online.target time-sync.target docker.service podman.socket
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${command.map(word).join(" ")}
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=5
KillMode=process
TimeoutStopSec=30
SyslogIdentifier=berth-agent
LimitNOFILE=65536
TasksMax=infinity
${[...state, ...hardening].map((line) => `${line}\n`).join("")}
[Install]
WantedBy=multi-user.target
`;
}
