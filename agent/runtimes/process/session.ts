// One SSH session: a shell or a command in the room, with a terminal or with plain pipes, to its true exit code.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import pty from "@lydell/node-pty";
import type { PseudoTtyInfo, ServerChannel, Session } from "ssh2";
import { childrenOf, onlyThese, trySignal } from "../../processes.ts";
import type { Door } from "./door.ts";
import type { Launch } from "./room.ts";
import { closeTerminal, terminalInput } from "./terminal-input.ts";

const MOTD = [
  "This is a Berth demo sandbox: no boundary against hostile code, and without a network of its own.",
  "Everything under your home is deleted when the rental ends.",
  "",
];
const SFTP_SERVERS = [
  "/usr/lib/openssh/sftp-server",
  "/usr/libexec/openssh/sftp-server",
  "/usr/libexec/sftp-server",
  "/usr/lib/ssh/sftp-server",
];
const NO_SFTP =
  "sftp is not available on this machine: it has no sftp-server. Use `scp -O`, rsync or ssh with a pipe.\n";
const SHELL = "/bin/bash";
const SIGNALS = Object.entries(constants.signals);

interface Size {
  cols: number;
  rows: number;
}

/** What a running command offers to the session that started it. */
interface Running {
  resize(size: Size): void;
  signal(name: string): void;
}

export function serveSession(session: Session, door: Door): void {
  let terminal: PseudoTtyInfo | undefined;
  let size: Size = { cols: 80, rows: 24 };
  let running: Running | undefined;

  const start = (channel: ServerChannel, argv: readonly string[], greeting: readonly string[] = []) => {
    begin(channel, argv, greeting).catch((error: unknown) => {
      door.log(`It could not be started: ${error instanceof Error ? error.message : String(error)}`);
      finish(channel, 255);
    });
  };
  const begin = async (channel: ServerChannel, argv: readonly string[], greeting: readonly string[]) => {
    channel.on("error", () => undefined); // a client that is gone; "close" says the same
    const launch = await door.room.launch(argv, await door.environment(terminal?.term));
    if (greeting.length > 0 && terminal) channel.write(`${greeting.join("\r\n")}\r\n`);
    running = terminal ? runInTerminal(launch, channel, terminal.term, () => size) : runInPipes(launch, channel);
  };

  session.on("pty", (accept, _reject, info) => {
    terminal = info;
    size = sane(info.cols, info.rows);
    accept?.();
  });
  session.on("window-change", (accept, _reject, info) => {
    size = sane(info.cols, info.rows);
    running?.resize(size);
    accept?.();
  });
  session.on("signal", (accept, _reject, info) => {
    running?.signal(info.name);
    accept?.();
  });
  session.on("shell", (accept) => {
    door.log("A shell begins.");
    start(accept(), [SHELL, "-l"], MOTD);
  });
  session.on("exec", (accept, _reject, info) => {
    door.log("A command begins.");
    start(accept(), [SHELL, "-c", info.command]);
  });
  session.on("subsystem", (accept, reject, info) => {
    if (info.name !== "sftp") return reject();
    const server = SFTP_SERVERS.find((path) => existsSync(path));
    door.log(server ? "SFTP begins." : "SFTP was refused: this machine has no sftp-server.");
    if (server) return start(accept(), [server]);
    const channel = accept();
    channel.stderr.write(NO_SFTP, () => finish(channel, 127));
  });
}

/** A terminal of 0 columns is what some clients send before they know. */
function sane(cols: number, rows: number): Size {
  return { cols: Math.min(Math.max(cols, 1), 4096), rows: Math.min(Math.max(rows, 1), 4096) };
}

function runInTerminal(launch: Launch, channel: ServerChannel, term: string, size: () => Size): Running {
  const shell = pty.spawn(launch.file, [...launch.args], {
    name: term,
    cols: size().cols,
    rows: size().rows,
    cwd: launch.cwd,
    env: { ...launch.env },
    encoding: null, // bytes, as they come
  });
  shell.onData((chunk) => {
    if (channel.write(chunk)) return;
    shell.pause();
    channel.once("drain", () => shell.resume());
  });
  channel.pipe(terminalInput(shell));
  shell.onExit(({ exitCode, signal }) =>
    finish(channel, exitCode, SIGNALS.find(([, number]) => number === signal)?.[0]),
  );
  const hangUp = () => {
    for (const pid of [...childrenOf(shell.pid), shell.pid]) trySignal(pid, "SIGHUP");
    closeTerminal(shell);
  };
  channel.on("close", hangUp);
  return { resize: ({ cols, rows }) => shell.resize(cols, rows), signal: (name) => deliver(shell.pid, name) };
}

function runInPipes(launch: Launch, channel: ServerChannel): Running {
  const child = spawn(launch.file, launch.args, {
    cwd: launch.cwd,
    env: onlyThese(launch.env),
    stdio: ["pipe", "pipe", "pipe"],
    detached: true, // a group of its own, so that no signal meant for it reaches the supervisor
  });
  child.on("error", () => finish(channel, 127));
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on("error", () => undefined); // broken pipes
  channel.pipe(child.stdin);
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  child.on("close", (code, signal) => finish(channel, code ?? 255, signal ?? undefined));
  channel.on("close", () => {
    child.stdin.destroy();
    child.stdout.destroy();
    child.stderr.destroy();
  });
  return { resize: () => undefined, signal: (name) => deliver(child.pid, name) };
}

/** To what runs inside; the process that led it there passes its end on. */
function deliver(pid: number | undefined, name: string): void {
  const signal = SIGNALS.find(([known]) => known === `SIG${name}`)?.[1];
  if (pid === undefined || signal === undefined) return;
  const inside = childrenOf(pid);
  for (const target of inside.length > 0 ? inside : [pid]) trySignal(target, signal);
}

/** Ends the channel after all that was written, with how the command ended. */
function finish(channel: ServerChannel, code: number, signal?: string): void {
  if (channel.destroyed || channel.writableEnded) return;
  const close = () => {
    if (signal) channel.exit(signal.replace(/^SIG/, ""), false, "");
    else channel.exit(code);
    channel.end();
  };
  channel.stderr.write("", close); // in order behind what stderr still holds
}
