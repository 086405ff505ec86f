// Starts bench/server.ts as a process of its own, asks for its CPU time, ends it.
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { freePort } from "../scripts/embedded-postgres.ts";

const CpuUsage = z.object({ user: z.number(), system: z.number() });

/** A folder: then the wire server leaves a CPU profile there. */
const PROFILES = process.env.BENCH_CPU_PROFILES;

export interface BenchServer {
  readonly port: number;
  /** CPU time it has taken so far, in seconds. */
  cpuSeconds(): Promise<number>;
  stop(): Promise<void>;
}

/** @param databaseUrl what `wire` serves; `echo` needs none */
export async function startServer(kind: "wire" | "echo", databaseUrl = ""): Promise<BenchServer> {
  const port = await freePort();
  const child = fork(fileURLToPath(new URL("server.ts", import.meta.url)), [kind], {
    execArgv: ["--import", "tsx", ...(PROFILES && kind === "wire" ? ["--cpu-prof", `--cpu-prof-dir=${PROFILES}`] : [])],
    stdio: ["ignore", "ignore", "inherit", "ipc"], // its log is written and thrown away
    env: { ...process.env, DATABASE_URL: databaseUrl, BERTH_DEMO: "1", PORT: String(port) },
  });
  const ended = once(child, "exit");
  const ready = await Promise.race([once(child, "message"), ended.then(() => null)]);
  if (!ready) throw new Error(`the ${kind} server did not start`);
  return {
    port,
    async cpuSeconds() {
      child.send("cpu");
      const { user, system } = CpuUsage.parse((await once(child, "message"))[0]);
      return (user + system) / 1_000_000;
    },
    async stop() {
      child.disconnect();
      await ended;
    },
  };
}
