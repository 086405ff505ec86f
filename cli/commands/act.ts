// wait, stop, extend, ssh: what is done with a job that is there.
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Option } from "commander";
import type { JobView } from "../../protocol/job-views.ts";
import type { AnyJobView } from "../../protocol/operations/job.ts";
import { CliError, EXIT } from "../errors.ts";
import { jobsAnswer } from "../job-list.ts";
import { present } from "../output/present.ts";
import { type Cli, seconds, wholeNumber } from "../program.ts";
import type { CommonFlags, Session } from "../session.ts";
import { GOALS, type Goal } from "../wait.ts";
import { awaitJobs } from "../wait-all.ts";

export function addAct(cli: Cli): void {
  const wait = cli
    .add(
      "wait <ids...>",
      "wait until batch jobs are decided, and rentals run: 0 good, 1 failed or cancelled, 255 an error",
    )
    .addOption(new Option("--for <what>", "wait for something else").choices([...GOALS]))
    .option("--timeout <time>", "give up after this, such as 90s or 5m", seconds);
  cli.does<CommonFlags & { readonly for?: Goal; readonly timeout?: number }>(wait, async (flags, ids) =>
    awaitJobs(await cli.open(flags), flags, [...new Set(ids)], {
      goal: flags.for ?? null,
      timeoutSeconds: flags.timeout ?? null,
    }),
  );

  const stop = cli
    .add("stop <ids...>", "stop rentals, whose storage ends with them, and cancel batch jobs")
    .alias("cancel");
  cli.does(stop, async (flags, ids) => {
    const { client, io } = await cli.open(flags);
    const stopped: AnyJobView[] = [];
    try {
      for (const id of new Set(ids)) stopped.push(await client.stopJob({ params: { id } }));
    } catch (error) {
      if (stopped.length > 0) io.tell(`Stopped before that: ${stopped.map(({ id }) => id).join(" ")}`);
      throw error;
    }
    present(io, flags, jobsAnswer(io, stopped, null));
  });

  const extend = cli
    .add("extend <id>", "hold more hours of a rental, at its own price")
    .requiredOption("--hours <n>", "how many more", wholeNumber)
    .option("--idempotency-key <key>", "the same key extends once (default: a new one each time)");
  cli.does<CommonFlags & { readonly hours: number; readonly idempotencyKey?: string }>(
    extend,
    async (flags, [id = ""]) => {
      const { client, io } = await cli.open(flags);
      const { hours, idempotencyKey = randomUUID() } = flags;
      present(
        io,
        flags,
        jobsAnswer(io, [await client.extendJob({ params: { id }, body: { hours }, idempotencyKey })], null),
      );
    },
  );

  const ssh = cli
    .add("ssh <id> [arguments...]", "log in to a rental with the system's ssh, which gets the arguments")
    .passThroughOptions()
    .allowUnknownOption()
    .addHelpText(
      "after",
      "\nOf ours only --broker, before the id; everything after the id is ssh's: berth ssh ID -L 8888:localhost:8888",
    );
  cli.does(ssh, async (flags, [id = "", ...args]) =>
    login(await cli.open(flags), id, args[0] === "--" ? args.slice(1) : args),
  );
}

/** Into a running rental, and nowhere else: only the host key that the broker made before it started is trusted. */
async function login({ client }: Session, id: string, args: readonly string[]): Promise<number> {
  const job = await client.getJob({ params: { id } });
  if (job.kind === "batch")
    throw new CliError("A batch job has no shell.", { remedy: `What it wrote: berth logs ${id}` });
  if (!job.ssh)
    throw new CliError(`It is ${job.status}: there is no shell.`, {
      remedy:
        job.status === "pending" ? `Wait until it runs: berth wait ${id} && berth ssh ${id}` : "Rent again: berth rent",
    });
  const folder = await mkdtemp(join(tmpdir(), "berth-ssh-"));
  try {
    const knownHosts = join(folder, "known_hosts");
    await writeFile(knownHosts, `${id} ${job.ssh.host_key}\n`, { mode: 0o600 });
    return await run("ssh", sshArguments(job.id, job.ssh, knownHosts, args));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Ours first: ssh takes the first value of an option, so that neither a config file nor an argument weakens them. */
export function sshArguments(
  id: string,
  { host, port, user }: NonNullable<JobView["ssh"]>,
  knownHosts: string,
  args: readonly string[],
): string[] {
  const { options, rest } = splitArguments(args);
  const ours = [
    `HostKeyAlias=${id}`,
    `UserKnownHostsFile="${knownHosts}"`,
    "GlobalKnownHostsFile=none",
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
  ];
  return [...ours.flatMap((one) => ["-o", one]), "-p", String(port), ...options, "--", `${user}@${host}`, ...rest];
}

const WITH_VALUE = new Set([..."BbcDEeFIiJLlmOoPpQRSWw"].map((letter) => `-${letter}`));

/** Options of ssh stand before the host, a command behind it. */
function splitArguments(args: readonly string[]): { options: string[]; rest: string[] } {
  let at = 0;
  while (at < args.length && args[at]?.startsWith("-") && args[at] !== "--")
    at += WITH_VALUE.has(args[at] ?? "") ? 2 : 1;
  return { options: args.slice(0, at), rest: args.slice(args[at] === "--" ? at + 1 : at) };
}

/** @returns its exit code; 255 where a signal ended it, as ssh itself says */
function run(program: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: "inherit" });
    child.once("error", () => {
      reject(new CliError(`There is no ${program} here.`, { remedy: "Install OpenSSH's client." }));
    });
    child.once("exit", (code) => resolve(code ?? EXIT.error));
  });
}
