// Reaching into pods, by the exec, log and port-forward subresources: all that the web may do in the cluster.
import { StringDecoder } from "node:string_decoder";
import type { Inside, Log, Session, Whereabouts } from "../../../../deps.ts";
import { openConfig } from "../api.ts";
import { CONTAINER, namespaceOf, podName } from "../pods/names.ts";
import { away, dial, fetchLong } from "./dial.ts";
import { CHANNEL, sessionOf } from "./session.ts";
import { tunnelOf } from "./tunnel.ts";
import { guardOf, inTerminal, throughPipes } from "./wrap.ts";

export interface KubernetesInsideOptions {
  /** path of a kubeconfig; null inside the cluster itself */
  readonly kubeconfig: string | null;
  readonly log: Log;
}

const NEWLINE = 0x0a;

/** Reads the kubeconfig at once, and asks the cluster only when somebody reaches in. */
export function kubernetesInside({ kubeconfig, log }: KubernetesInsideOptions): Inside {
  const config = openConfig(kubeconfig);
  const namespace = (at: Whereabouts) => encodeURIComponent(namespaceOf(at.tenant));

  function run(at: Whereabouts, command: readonly string[], tty: boolean, signal: AbortSignal) {
    const query = new URLSearchParams({ container: CONTAINER, stdin: "true", stdout: "true" });
    query.set(tty ? "tty" : "stderr", "true"); // a terminal has one output
    for (const part of command) query.append("command", part);
    return dial(config, `/api/v1/namespaces/${namespace(at)}/pods/${podName(at.id)}/exec?${query}`, signal);
  }

  /** Beside a terminal, to hang it up even when this process is killed. @returns to be told how its terminal ended */
  async function guard(at: Whereabouts, process: string): Promise<(hungUp: boolean) => void> {
    const socket = await run(at, guardOf(process), false, new AbortController().signal);
    socket.on("message", (data: Buffer) => {
      if (data[0] === CHANNEL.status && data.length > 1) socket.terminate();
    });
    socket.resume();
    return (hungUp) => {
      if (hungUp) socket.terminate();
      else socket.send(Buffer.of(CHANNEL.stdin, NEWLINE), () => {});
    };
  }

  return {
    async exec(at, command, { terminal, signal }) {
      if (!terminal) return sessionOf(await run(at, throughPipes(command), false, signal), { terminal, signal });
      const socket = await run(at, inTerminal(command), true, signal);
      let ended: ((hungUp: boolean) => void) | null = null;
      let hungUp: boolean | null = null;
      const session: Session = sessionOf(socket, {
        terminal,
        signal,
        onProcess(process) {
          guard(at, process).then(
            (end) => {
              ended = end;
              if (hungUp !== null) end(hungUp);
            },
            (err: unknown) =>
              log.warn({ err, execution: at.id }, "a terminal is not guarded: closed, its shell may stay"),
          );
        },
      });
      void session.exit.then(({ code }) => {
        hungUp = code === null;
        ended?.(hungUp);
      });
      return session;
    },

    async connect(at, port, signal) {
      const path = `/api/v1/namespaces/${namespace(at)}/pods/${podName(at.id)}/portforward?ports=${port}`;
      return tunnelOf(await dial(config, path, signal), port, signal);
    },

    async *logs(at, { tailLines, follow, signal }) {
      const query = new URLSearchParams({ container: CONTAINER, follow: String(follow) });
      if (tailLines !== null) query.set("tailLines", String(tailLines));
      const decoder = new StringDecoder("utf8");
      const readable = (text: string) => text.replaceAll("\0", "\ufffd");
      try {
        const path = `/api/v1/namespaces/${namespace(at)}/pods/${podName(at.id)}/log?${query}`;
        const response = await fetchLong(config, path, signal);
        for await (const part of response) {
          const text = readable(decoder.write(part));
          if (text) yield text;
        }
      } catch (error) {
        if (signal.aborted) return;
        throw error instanceof Error && "code" in error && error.code === "ECONNRESET" ? away(error) : error;
      }
      const rest = readable(decoder.end());
      if (rest) yield rest;
    },
  };
}
