// berth-agent: makes a machine known to a broker and runs what the broker wants on it.
import os from "node:os";
import { join, resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { AGENT_VERSION } from "./beat.ts";
import { ConfigError, type ConfigFlags, type DeclaredGpu, parseDeclaredGpus } from "./config.ts";
import { createLog } from "./log.ts";
import { supervise } from "./runtimes/process/supervisor.ts";
import { enrol, serve } from "./start.ts";

interface Flags {
  readonly broker?: string;
  readonly token?: string;
  readonly dataDir: string;
  readonly name?: string;
  readonly region?: string;
  readonly host?: string;
  readonly pricePerGpuHour?: string;
  readonly pricePerCpuHour?: string;
  readonly declareGpus?: DeclaredGpu[];
  readonly declareCpus?: number;
  readonly declareMemoryGb?: number;
  readonly declareDiskGb?: number;
  readonly runtime?: "process";
  readonly stopExecutionsOnExit?: boolean;
}

const SUPERVISE = "__supervise";

function collectGpus(text: string, before: DeclaredGpu[] = []): DeclaredGpu[] {
  try {
    return [...before, ...parseDeclaredGpus(text)];
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : "");
  }
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("a whole number is needed");
  return Number(text);
}

function withMachineOptions(command: Command): Command {
  return command
    .option("--broker <url>", "address of the broker, as http://127.0.0.1:8080")
    .option("--token <token>", "enrolment token from the provider page: single use, 1 hour")
    .option("--data-dir <dir>", "where identity and executions are kept", join(os.homedir(), ".berth-agent"))
    .option("--name <name>", "what the machine is called; its host name otherwise")
    .option("--region <region>", "where it stands (default: local)")
    .option("--host <address>", "address customers reach it on (default: 127.0.0.1)")
    .option("--price-per-gpu-hour <usd>", "with 6 decimals, as 0.389000")
    .option("--price-per-cpu-hour <usd>", "with 6 decimals (default: 0.010000)")
    .option("--declare-gpus <list>", "'4x NVIDIA GeForce RTX 4090:24576', shown as declared everywhere", collectGpus)
    .option("--declare-cpus <n>", "cores to offer instead of those found", wholeNumber)
    .option("--declare-memory-gb <n>", "memory to offer instead of that found", wholeNumber)
    .option("--declare-disk-gb <n>", "disk to offer instead of that found", wholeNumber)
    .addOption(new Option("--runtime <runtime>", "what runs executions").choices(["process"]));
}

function toConfigFlags(flags: Flags): ConfigFlags {
  return {
    broker: flags.broker,
    name: flags.name,
    region: flags.region,
    host: flags.host,
    price_per_gpu_hour: flags.pricePerGpuHour,
    price_per_cpu_hour: flags.pricePerCpuHour,
    runtime: flags.runtime,
    declared_gpus: flags.declareGpus,
    declared_cpus: flags.declareCpus,
    declared_memory_gb: flags.declareMemoryGb,
    declared_disk_gb: flags.declareDiskGb,
  };
}

/** This very program, started as this one was (through a loader in development), as a supervisor. */
function supervisorCommand(): string[] {
  const options = process.execArgv.filter((option) => !option.startsWith("--inspect"));
  return [process.execPath, ...options, process.argv[1] ?? "", SUPERVISE];
}

function abortOnSignals(): AbortSignal {
  const stopping = new AbortController();
  process.on("SIGTERM", () => stopping.abort());
  process.on("SIGINT", () => stopping.abort());
  return stopping.signal;
}

const program = new Command("berth-agent")
  .description("Runs what a Berth broker wants on this machine")
  .version(AGENT_VERSION);

withMachineOptions(program.command("enrol").description("make this machine known to a broker")).action(
  async (flags: Flags) => {
    if (flags.token === undefined) throw new ConfigError("--token is needed: get one on the provider page");
    const wish = { dataDir: resolve(flags.dataDir), token: flags.token, flags: toConfigFlags(flags) };
    await enrol(wish, createLog(), abortOnSignals());
  },
);

withMachineOptions(
  program.command("start").description("serve the broker; enrols first where that is still to be done"),
)
  .option("--stop-executions-on-exit", "end what runs here when the agent ends (for demos)")
  .action(async (flags: Flags) => {
    const { token, stopExecutionsOnExit = false } = flags;
    const wish = { dataDir: resolve(flags.dataDir), token, flags: toConfigFlags(flags), stopExecutionsOnExit };
    await serve({ ...wish, supervisor: supervisorCommand() }, createLog(), abortOnSignals());
  });

program.command(`${SUPERVISE} <dir>`, { hidden: true }).action((dir: string) => supervise(dir));

program.parseAsync().then(
  () => process.exit(0), // what is still open (a cut long poll, a watcher) is of no more use
  (error: unknown) => {
    console.error(error instanceof ConfigError ? error.message : error);
    process.exit(1);
  },
);
