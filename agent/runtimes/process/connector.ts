// Port forward into a sandbox: a helper that lives in the sandbox's network namespace connects there and hands the
// connected socket over. It runs none of the customer's code and sees none of the data.
import { type ChildProcess, spawn } from "node:child_process";
import { Socket } from "node:net";
import { z } from "zod";
import { onlyThese } from "../../processes.ts";

const Reply = z.strictObject({ id: z.int(), error: z.string().optional() });
const CONNECT_TIMEOUT_MS = 10_000;

/** Runs under plain `node -e`: it has to load in a moment, from sources and from a bundle alike. */
const SCRIPT = `
const net = require("node:net");
process.on("disconnect", () => process.exit());
process.on("message", ({ id, port }) => {
  const attempt = (hosts) => {
    const socket = net.connect({ host: hosts[0], port, allowHalfOpen: true });
    socket.pause();
    socket.once("error", (error) => (hosts.length > 1 ? attempt(hosts.slice(1)) : process.send({ id, error: error.code })));
    socket.once("connect", () => process.send({ id }, socket, () => socket.destroy()));
  };
  attempt(["127.0.0.1", "::1"]);
});`;

export interface Connector {
  connect(port: number): Promise<Socket>;
  close(): void;
}

/** @param entry nsenter's arguments that lead into the user and network namespace, and no further */
export function createConnector(nsenter: string, entry: readonly string[]): Connector {
  let helper: ChildProcess | undefined;
  let lastId = 0;
  let closed = false;
  const waiting = new Map<number, (outcome: Socket | Error) => void>();

  function running(): ChildProcess {
    if (helper) return helper;
    const child = spawn(nsenter, [...entry, process.execPath, "-e", SCRIPT], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      env: onlyThese({}),
      cwd: "/",
    });
    child.on("message", (message, handle) => {
      const { id, error } = Reply.parse(message);
      const settle = waiting.get(id);
      waiting.delete(id);
      if (handle instanceof Socket && settle) {
        handle.allowHalfOpen = true; // a socket that was handed over has forgotten it
        settle(handle);
      } else settle?.(new Error(error ?? "no connection"));
    });
    const over = () => {
      if (helper === child) helper = undefined;
      for (const settle of waiting.values()) settle(new Error("the forward helper ended"));
      waiting.clear();
    };
    child.on("error", over);
    child.on("exit", over);
    helper = child;
    return child;
  }

  return {
    connect(port) {
      return new Promise((resolve, reject) => {
        if (closed) throw new Error("the execution is ending");
        lastId += 1;
        const id = lastId;
        const timer = setTimeout(() => waiting.get(id)?.(new Error("no connection in time")), CONNECT_TIMEOUT_MS);
        waiting.set(id, (outcome) => {
          clearTimeout(timer);
          waiting.delete(id);
          if (outcome instanceof Socket) resolve(outcome);
          else reject(outcome);
        });
        running().send({ id, port });
      });
    },
    close() {
      closed = true;
      helper?.kill("SIGKILL");
    },
  };
}
