// Without a sandbox: a private home and a clean environment, and nothing more. For a demo's own people on a machine
// that has no bubblewrap; the machine report says so, and the broker decides who may come here.
import { readFileSync } from "node:fs";
import { listPids, procStat, trySignal, until } from "../../processes.ts";
import type { Room } from "./room.ts";

export function plainRoom(home: string): Room {
  /** All that was started here, by the home in its environment: it survives new sessions and process groups. */
  const inside = () =>
    listPids().filter((pid) => {
      try {
        return (
          procStat(pid)?.state !== "Z" &&
          readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(`HOME=${home}`)
        );
      } catch {
        return false; // gone, or somebody else's
      }
    });
  return {
    home,
    initPid: null,
    gone: new Promise(() => undefined),
    connect: () =>
      Promise.reject(
        new Error("port forwarding needs the sandbox: without it, it could reach the machine's own ports"),
      ),
    async launch(argv, environment) {
      const [file = "sh", ...args] = argv;
      return { file, args, env: environment, cwd: home };
    },
    async end(graceMs) {
      for (const pid of inside()) trySignal(pid, "SIGTERM");
      await until(() => inside().length === 0, graceMs);
      await until(() => {
        const left = inside();
        for (const pid of left) trySignal(pid, "SIGKILL");
        return left.length === 0;
      }, 5000);
    },
  };
}
