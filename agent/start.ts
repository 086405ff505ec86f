// What `enrol` and `start` do: make this machine known to a broker once, then serve it until told to stop.
import { mkdir } from "node:fs/promises";
import os from "node:os";
import { join } from "node:path";
import type { ProviderId } from "../domain/ids.ts";
import { AGENT_VERSION, startBeating } from "./beat.ts";
import { BrokerError, createBrokerClient } from "./broker-client.ts";
import { type AgentConfig, ConfigError, type ConfigFlags, readConfig, resolveConfig, writeConfig } from "./config.ts";
import { detectMachine } from "./detect.ts";
import { type Identity, openIdentity, readProviderId, writeProviderId } from "./identity.ts";
import type { Log } from "./log.ts";
import { backoffMs, rest } from "./pace.ts";
import { takeDataDir } from "./run-lock.ts";
import { openProcessRuntime } from "./runtimes/process/process-runtime.ts";
import { whyNoSandbox } from "./runtimes/process/sandbox.ts";
import { openSequence } from "./sequence.ts";
import { createUsageMeter } from "./usage.ts";

const ENROL_BACKOFF = { firstMs: 500, capMs: 30_000 };

export interface EnrolWish {
  readonly dataDir: string;
  readonly token: string;
  readonly flags: ConfigFlags;
}

/** Enrols once; a machine that has an identity here keeps it. @returns the provider's id */
export async function enrol({ dataDir, token, flags }: EnrolWish, log: Log, signal: AbortSignal): Promise<ProviderId> {
  const known = await readProviderId(dataDir);
  if (known) {
    log.info({ provider: known }, "already enrolled");
    return known;
  }
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const config = resolveConfig(flags, await readConfig(dataDir), os.hostname());
  const identity = await openIdentity(dataDir);
  const why = await whyNoSandbox();
  const machine = await detectMachine(config, dataDir, identity.publicKey, why === undefined);
  const { broker, name, region, host, price_per_gpu_hour, price_per_cpu_hour } = config;
  const body = {
    ...{ token, public_key: identity.publicKey, name, region, host, price_per_gpu_hour, price_per_cpu_hour },
    ...{ agent_version: AGENT_VERSION, machine },
  };
  await writeConfig(dataDir, config);
  for (let attempt = 0; ; attempt++) {
    try {
      const providerId = await createBrokerClient(broker, identity).enrol(body);
      await writeProviderId(dataDir, providerId);
      log.info({ provider: providerId, gpus: machine.gpus.length }, "enrolled");
      return providerId;
    } catch (error) {
      if (!(error instanceof BrokerError) || error.refused || signal.aborted) throw error;
      const delayMs = Math.max(100, error.retryAfterMs ?? 0, backoffMs(ENROL_BACKOFF, attempt, Math.random()));
      log.warn({ err: error, delayMs: Math.round(delayMs) }, "not enrolled yet");
      await rest(delayMs, signal);
    }
  }
}

export interface ServeWish {
  readonly dataDir: string;
  readonly token: string | undefined;
  readonly flags: ConfigFlags;
  /** End what runs when the agent ends, and say so at the next start: for demos. */
  readonly stopExecutionsOnExit: boolean;
  /** Command that supervises the directory given as its last argument. */
  readonly supervisor: readonly string[];
}

/** Serves until `signal` is aborted. Executions keep running unless the wish says otherwise. */
export async function serve(wish: ServeWish, log: Log, signal: AbortSignal): Promise<void> {
  const { dataDir, flags } = wish;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await takeDataDir(dataDir);
  const providerId = (await readProviderId(dataDir)) ?? (await enrolFirst(wish, log, signal));
  const stored = await readConfig(dataDir);
  if (!stored) throw new ConfigError(`${dataDir} has an identity but no agent.json: enrol again in an empty directory`);
  // What was enrolled is what is served; only the broker's address may change under a machine that keeps its identity.
  const config = resolveConfig({ broker: flags.broker }, stored, os.hostname());
  if (config.broker !== stored.broker) await writeConfig(dataDir, config);
  const identity = await openIdentity(dataDir);
  const why = await whyNoSandbox();
  if (why !== undefined)
    log.warn({ why }, "no sandbox: executions run with a private home and a clean environment only");
  await run(wish, config, identity, providerId, why === undefined, log, signal);
}

async function run(
  { dataDir, stopExecutionsOnExit, supervisor }: ServeWish,
  config: AgentConfig,
  identity: Identity,
  providerId: ProviderId,
  sandboxed: boolean,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const machine = await detectMachine(config, dataDir, identity.publicKey, sandboxed);
  const root = join(dataDir, "executions");
  const runtime = await openProcessRuntime({ root, publicHost: config.host, sandboxed, supervisor, log });
  const beats = startBeating({
    broker: createBrokerClient(config.broker, identity),
    usage: createUsageMeter(machine.gpus.some((gpu) => !gpu.declared)),
    sequence: await openSequence(dataDir),
    ...{ providerId, runtime, machine, log },
  });
  log.info({ provider: providerId, broker: config.broker, sandboxed, executions: runtime.list().length }, "serving");
  await untilAborted(signal);
  await beats.stop();
  if (stopExecutionsOnExit) await runtime.stopAll("demo-stopped", "The demo was stopped.");
  runtime.close();
  log.info({ left_running: !stopExecutionsOnExit }, "stopped");
}

async function enrolFirst({ dataDir, token, flags }: ServeWish, log: Log, signal: AbortSignal): Promise<ProviderId> {
  if (token === undefined)
    throw new ConfigError(`${dataDir} holds no enrolled machine: give --broker and --token once`);
  return enrol({ dataDir, token, flags }, log, signal);
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
