// What `enrol` and `start` do: make this machine known to a broker once, then serve it until told to stop.
import { mkdir } from "node:fs/promises";
import os from "node:os";
import { join } from "node:path";
import type { ProviderId } from "../domain/ids.ts";
import { AGENT_VERSION, startBeating } from "./beat.ts";
import { BrokerError, createBrokerClient } from "./broker-client.ts";
import { type AgentConfig, ConfigError, type ConfigFlags, readConfig, resolveConfig, writeConfig } from "./config.ts";
import { detectMachine, type Machine } from "./detect.ts";
import { type Identity, openIdentity, readProviderId, writeProviderId } from "./identity.ts";
import { createAutoJoin } from "./join.ts";
import type { Log } from "./log.ts";
import { startSendingLogs } from "./log-sender.ts";
import { watchMachine } from "./machine-watch.ts";
import { backoffMs, rest } from "./pace.ts";
import type { Paths } from "./paths.ts";
import { startSendingResults } from "./result-sender.ts";
import { takeDataDir } from "./run-lock.ts";
import { findRuntime, type Offered } from "./runtimes/registry.ts";
import { openSequence } from "./sequence.ts";
import { createStatusWriter } from "./status-file.ts";
import { createUsageMeter } from "./usage.ts";

const ENROL_BACKOFF = { firstMs: 500, capMs: 30_000 };

export interface EnrolWish {
  readonly paths: Paths;
  readonly token: string;
  readonly flags: ConfigFlags;
}

export interface Enrolled {
  readonly providerId: ProviderId;
  /** What was told to the broker; undefined where the machine was enrolled before. */
  readonly told: { readonly config: AgentConfig; readonly machine: Machine } | undefined;
}

/** Enrols once; a machine that has an identity here keeps it. */
export async function enrol({ paths, token, flags }: EnrolWish, log: Log, signal: AbortSignal): Promise<Enrolled> {
  const { dataDir } = paths;
  const known = await readProviderId(dataDir);
  if (known) return { providerId: known, told: undefined };
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const config = resolveConfig(flags, await readConfig(paths), os.hostname());
  const { whyNoSandbox } = await findRuntime(config.runtime);
  const identity = await openIdentity(dataDir);
  const given = { seed: identity.publicKey, sandboxed: whyNoSandbox === undefined };
  const machine = await detectMachine(config, dataDir, given);
  const { broker, name, region, host, price_per_gpu_hour, price_per_cpu_hour } = config;
  const body = {
    ...{ token, public_key: identity.publicKey, name, region, host, price_per_gpu_hour, price_per_cpu_hour },
    ...{ agent_version: AGENT_VERSION, machine },
  };
  await writeConfig(paths, config);
  for (let attempt = 0; ; attempt++) {
    try {
      const providerId = await createBrokerClient(broker, identity).enrol(body);
      await writeProviderId(dataDir, providerId);
      log.info({ provider: providerId, gpus: machine.gpus.length }, "enrolled");
      return { providerId, told: { config, machine } };
    } catch (error) {
      if (!(error instanceof BrokerError) || error.refused || signal.aborted) throw error;
      const delayMs = Math.max(100, error.retryAfterMs ?? 0, backoffMs(ENROL_BACKOFF, attempt, Math.random()));
      log.warn({ err: error, delayMs: Math.round(delayMs) }, "not enrolled yet");
      await rest(delayMs, signal);
    }
  }
}

export interface ServeWish {
  readonly paths: Paths;
  readonly token: string | undefined;
  readonly flags: ConfigFlags;
  /** End what runs when the agent ends, and say so at the next start: for demos. */
  readonly stopExecutionsOnExit: boolean;
  /** Command that supervises the directory given as its last argument. */
  readonly supervisor: readonly string[];
}

/** Serves until `signal` is aborted. Executions keep running unless the wish says otherwise. */
export async function serve(wish: ServeWish, log: Log, signal: AbortSignal): Promise<void> {
  const { paths, flags } = wish;
  const { dataDir } = paths;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await takeDataDir(dataDir);
  const providerId = (await readProviderId(dataDir)) ?? (await enrolFirst(wish, log, signal));
  const stored = await readConfig(paths);
  if (!stored)
    throw new ConfigError(`${dataDir} has an identity, but there is no ${paths.config}: \`install\` writes one`);
  // What was enrolled is what is served; only the broker's address may change under a machine that keeps its identity.
  const config = resolveConfig({ broker: flags.broker }, stored, os.hostname());
  if (config.broker !== stored.broker) await writeConfig(paths, config);
  const identity = await openIdentity(dataDir);
  const runtime = await findRuntime(config.runtime);
  if (runtime.whyNoSandbox !== undefined) {
    const why = runtime.whyNoSandbox;
    if (runtime.untilSandboxed) log.warn({ why }, "nothing is placed here until a container engine answers");
    else log.warn({ why }, "no sandbox: executions run with a private home and a clean environment only");
  }
  await run(wish, config, identity, providerId, runtime, log, signal);
}

async function run(
  { paths: { dataDir }, stopExecutionsOnExit, supervisor }: ServeWish,
  config: AgentConfig,
  identity: Identity,
  providerId: ProviderId,
  offered: Offered,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  let sandboxed = offered.whyNoSandbox === undefined;
  const given = () => ({ seed: identity.publicKey, sandboxed });
  const machine = await watchMachine((before) => detectMachine(config, dataDir, given(), before), log);
  const lookAgain = () => void machine.look();
  process.on("SIGHUP", lookAgain);
  const root = join(dataDir, "executions");
  const runtime = await offered.open({ root, publicHost: config.host, supervisor, log });
  const { name, broker } = config;
  const base = { version: AGENT_VERSION, provider_id: providerId, name, broker, runtime: config.runtime };
  const status = createStatusWriter(dataDir, base, log);
  const autoJoin = config.runtime === "kubernetes" && config.join === "automatic" ? createAutoJoin(log) : undefined;
  const client = createBrokerClient(config.broker, identity);
  const sequence = await openSequence(dataDir);
  const logs = startSendingLogs({ broker: client, providerId, runtime, sequence, log });
  const results = startSendingResults({ broker: client, providerId, identity, runtime, sequence, log });
  const beats = startBeating({
    broker: client,
    usage: createUsageMeter(() => machine.current().gpus),
    watcher: {
      ...status,
      answered(answer, at) {
        status.answered(answer, at);
        if (answer.join) autoJoin?.(answer.join);
      },
    },
    ...{ providerId, runtime, machine, sequence, log },
  });
  const executions = runtime.list().length;
  log.info({ provider: providerId, broker: config.broker, sandboxed, executions }, "serving");
  if (!sandboxed)
    void offered.untilSandboxed?.(signal).then(async () => {
      if (signal.aborted) return;
      sandboxed = true;
      log.info({ provider: providerId }, "a container engine answers now");
      await machine.look(); // one that had begun before may have missed it
      await machine.look();
    });
  await untilAborted(signal);
  process.off("SIGHUP", lookAgain);
  machine.close();
  await beats.stop();
  if (stopExecutionsOnExit) await runtime.stopAll("demo-stopped", "The demo was stopped.");
  await Promise.all([logs.stop(), results.stop()]);
  runtime.close();
  await status.settle();
  log.info({ left_running: !stopExecutionsOnExit }, "stopped");
}

async function enrolFirst({ paths, token, flags }: ServeWish, log: Log, signal: AbortSignal): Promise<ProviderId> {
  if (token === undefined)
    throw new ConfigError(`${paths.dataDir} holds no enrolled machine: give --broker and --token once`);
  return (await enrol({ paths, token, flags }, log, signal)).providerId;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
