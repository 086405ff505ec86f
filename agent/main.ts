// berth-agent: makes a machine known to a broker and runs what the broker wants on it.
import { Command, InvalidArgumentError, Option } from "commander";
import { RUNTIMES, type Runtime as RuntimeName } from "../domain/provider/state.ts";
import { AGENT_VERSION } from "./beat.ts";
import { BrokerError } from "./broker-client.ts";
import { drainCommand } from "./commands/drain.ts";
import { enrolCommand } from "./commands/enrol.ts";
import { installCommand } from "./commands/install.ts";
import { joinCommandLine } from "./commands/join.ts";
import { logsCommand } from "./commands/logs.ts";
import { statusCommand } from "./commands/status.ts";
import { uninstallCommand } from "./commands/uninstall.ts";
import { ConfigError, type ConfigFlags, type DeclaredGpu, JOINS, parseDeclaredGpus } from "./config.ts";
import { closeInherited } from "./inherited.ts";
import { createLog } from "./log.ts";
import { resolvePaths } from "./paths.ts";
import { superviseHere } from "./runtimes/registry.ts";
import { serve } from "./start.ts";

interface PlaceFlags {
  readonly dataDir?: string;
  readonly config?: string;
}

interface MachineFlags extends PlaceFlags {
  readonly broker?: string;
  readonly token?: string;
  readonly name?: string;
  readonly region?: string;
  readonly host?: string;
  readonly pricePerGpuHour?: string;
  readonly pricePerCpuHour?: string;
  readonly declareGpus?: DeclaredGpu[];
  readonly declareCpus?: number;
  readonly declareMemoryGb?: number;
  readonly declareDiskGb?: number;
  readonly runtime?: RuntimeName;
  readonly join?: (typeof JOINS)[number];
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

function withPlace(command: Command): Command {
  return command
    .option(
      "--data-dir <dir>",
      "where identity and executions are kept (default: /var/lib/berth-agent; without root ~/.berth-agent)",
    )
    .option("--config <file>", "the config file (default: /etc/berth/agent.yaml; with --data-dir agent.yaml in it)");
}

function withMachine(command: Command): Command {
  return withPlace(command)
    .option("--broker <url>", "address of the broker, as https://berth.example")
    .option("--token <token>", "enrolment token from the provider page: single use, 1 hour")
    .option("--name <name>", "what the machine is called; its host name otherwise")
    .option("--region <region>", "where it stands (default: local)")
    .option("--host <address>", "address customers reach it on (default: 127.0.0.1)")
    .option("--price-per-gpu-hour <usd>", "as 0.389")
    .option("--price-per-cpu-hour <usd>", "(default: 0.01)")
    .option("--declare-gpus <list>", "'4x NVIDIA GeForce RTX 4090:24576', shown as declared everywhere", collectGpus)
    .option("--declare-cpus <n>", "cores to offer instead of those found", wholeNumber)
    .option("--declare-memory-gb <n>", "memory to offer instead of that found", wholeNumber)
    .option("--declare-disk-gb <n>", "disk to offer instead of that found", wholeNumber)
    .addOption(new Option("--runtime <runtime>", "what runs executions (default: process)").choices([...RUNTIMES]))
    .addOption(new Option("--join <how>", "with runtime kubernetes (default: manual)").choices([...JOINS]));
}

function toConfigFlags(flags: MachineFlags): ConfigFlags {
  return {
    broker: flags.broker,
    name: flags.name,
    region: flags.region,
    host: flags.host,
    price_per_gpu_hour: flags.pricePerGpuHour,
    price_per_cpu_hour: flags.pricePerCpuHour,
    runtime: flags.runtime,
    join: flags.join,
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

const print = (text: string) => void process.stdout.write(`${text}\n`);

const program = new Command("berth-agent")
  .description("Makes this machine known to a Berth broker and runs what it wants here")
  .version(AGENT_VERSION)
  .showHelpAfterError();

withMachine(program.command("enrol").description("make this machine known to a broker, once")).action(
  async (flags: MachineFlags) => {
    if (flags.token === undefined) throw new ConfigError("--token is needed: get one on the provider page");
    const wish = { paths: resolvePaths(flags), token: flags.token, flags: toConfigFlags(flags) };
    await enrolCommand(wish, print, abortOnSignals());
  },
);

withMachine(
  program
    .command("install")
    .description("check the machine and set up the system service; enrols first where a token is given"),
)
  .option("--dry-run", "say what would be checked, written and run, and change nothing")
  .option("--root <dir>", "write under this directory and run nothing: for images")
  .option("--force", "go on although a check failed")
  .action(async (flags: MachineFlags & { dryRun?: boolean; root?: string; force?: boolean }) => {
    const { dryRun = false, root, force = false, token } = flags;
    process.exitCode = await installCommand(
      { paths: resolvePaths(flags, true), flags: toConfigFlags(flags), token, dryRun, root, force },
      print,
    );
  });

withMachine(program.command("start").description("serve the broker; enrols first where that is still to be done"))
  .option("--stop-executions-on-exit", "end what runs here when the agent ends (for demos)")
  .action(async (flags: MachineFlags & { stopExecutionsOnExit?: boolean }) => {
    closeInherited();
    const { token, stopExecutionsOnExit = false } = flags;
    const wish = { paths: resolvePaths(flags), token, flags: toConfigFlags(flags), stopExecutionsOnExit };
    await serve({ ...wish, supervisor: supervisorCommand() }, createLog(), abortOnSignals());
  });

withPlace(program.command("status").description("how the agent and its machine are"))
  .option("--json", "for programs")
  .addHelpText("after", "\nExit codes: 0 serving, 1 the broker does not answer, 3 not running, 4 pending or refused.")
  .action(async (flags: PlaceFlags & { json?: boolean }) => {
    process.exitCode = await statusCommand(resolvePaths(flags).dataDir, flags.json ?? false, print);
  });

withPlace(program.command("drain").description("take no new work; what runs goes on to its end"))
  .option("--resume", "take work again")
  .action(async (flags: PlaceFlags & { resume?: boolean }) => {
    await drainCommand(resolvePaths(flags), !(flags.resume ?? false), print);
  });

withPlace(program.command("join").description("join the broker's Kubernetes cluster, with the fields it gave"))
  .option("--yes", "run kubeadm; without it the command is only shown")
  .action(async (flags: PlaceFlags & { yes?: boolean }) => {
    process.exitCode = await joinCommandLine(resolvePaths(flags).dataDir, flags.yes ?? false, print);
  });

program
  .command("logs")
  .description("what the service wrote")
  .option("-f, --follow", "go on with what comes")
  .option("-n, --lines <n>", "how many lines of the past", wholeNumber, 100)
  .action(async ({ follow = false, lines }: { follow?: boolean; lines: number }) => {
    process.exitCode = await logsCommand(lines, follow);
  });

withPlace(program.command("uninstall").description("take the system service away; the identity stays"))
  .option("--purge", "delete identity and executions too")
  .option("--yes", "with --purge: yes, really")
  .option("--dry-run", "say what would be run and deleted, and change nothing")
  .option("--root <dir>", "delete under this directory and run nothing")
  .action(async (flags: PlaceFlags & { purge?: boolean; yes?: boolean; dryRun?: boolean; root?: string }) => {
    const { purge = false, yes = false, dryRun = false, root } = flags;
    process.exitCode = await uninstallCommand({ paths: resolvePaths(flags, true), purge, yes, dryRun, root }, print);
  });

program.command(`${SUPERVISE} <dir>`, { hidden: true }).action((dir: string) => superviseHere(dir));

program.parseAsync().then(
  () => process.exit(), // what is still open (a cut long poll, a watcher) is of no more use
  (error: unknown) => {
    console.error(error instanceof ConfigError || error instanceof BrokerError ? error.message : explain(error));
    process.exit(1);
  },
);

/** Files of root that others cannot read are the one trouble everybody meets. */
function explain(error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if ((code !== "EACCES" && code !== "EPERM") || !(error instanceof Error)) return error;
  return `${error.message}\nRun it as root: sudo berth-agent ${process.argv.slice(2).join(" ")}`;
}
