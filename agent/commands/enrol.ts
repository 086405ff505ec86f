// `enrol`, for a person at the keyboard: what was told to the broker, and what comes next.
import { existsSync } from "node:fs";
import { relative } from "node:path";
import type { AgentConfig } from "../config.ts";
import type { Machine } from "../detect.ts";
import type { Log } from "../log.ts";
import { LAUNCHER, type Paths } from "../paths.ts";
import { type EnrolWish, enrol } from "../start.ts";

export type Print = (text: string) => void;

/** Only what keeps a person waiting is worth a line while it goes on. */
export function waitingLog(print: Print): Log {
  const say = (fields: unknown, message?: string) => {
    const error = typeof fields === "object" && fields !== null && "err" in fields ? fields.err : undefined;
    print(`${message ?? "waiting"}${error instanceof Error ? `: ${error.message}` : ""}`);
  };
  return { info() {}, warn: say, error: say };
}

export async function enrolCommand(wish: EnrolWish, print: Print, signal: AbortSignal): Promise<void> {
  const { providerId, told } = await enrol(wish, waitingLog(print), signal);
  print(told ? `Enrolled as ${providerId}.` : `Already enrolled as ${providerId}; nothing was changed.`);
  if (told) print(describeOffer(told.config, told.machine));
  print(`The key of this machine is ${wish.paths.dataDir}/identity.pem: keep it, it is this provider.`);
  print(whatNext(wish.paths));
}

export function describeOffer(
  { name, region, host, price_per_gpu_hour, price_per_cpu_hour }: AgentConfig,
  machine: Machine,
): string {
  const models = new Map<string, number>();
  for (const gpu of machine.gpus) {
    const model = `${gpu.model}${gpu.declared ? " (declared)" : ""}`;
    models.set(model, (models.get(model) ?? 0) + 1);
  }
  const gpus = [...models].map(([model, count]) => `${count} × ${model}`).join(", ") || "none";
  return [
    `  name     ${name} in ${region}, reached on ${host}`,
    `  GPUs     ${gpus}`,
    `  rest     ${machine.cpu_cores} cores, ${Math.floor(machine.memory_mb / 1024)} GB memory, ${machine.disk_gb} GB disk`,
    `  prices   ${price_per_gpu_hour} USD per GPU and hour, ${price_per_cpu_hour} USD per core and hour`,
    ...(host === "127.0.0.1" ? ["  Customers cannot reach 127.0.0.1 from elsewhere: enrol with --host ADDRESS."] : []),
  ].join("\n");
}

function whatNext({ dataDir, config }: Paths): string {
  const place = config.startsWith("/etc/") ? "" : ` --data-dir ${dataDir}`;
  const me = existsSync(LAUNCHER) ? "berth-agent" : `node ${relative(process.cwd(), process.argv[1] ?? "")}`;
  return [
    "Next:",
    `  ${me} install${place}   checks the machine and keeps the agent running as a service`,
    `  ${me} start${place}     runs it here, until Ctrl-C`,
  ].join("\n");
}
