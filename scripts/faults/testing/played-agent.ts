// A process that is the agent in all but what it runs: its identity, numbers, beats and results are the agent's own code.
import { AGENT_VERSION, startBeating } from "../../../agent/beat.ts";
import { createBrokerClient } from "../../../agent/broker-client.ts";
import { openIdentity, readProviderId, writeProviderId } from "../../../agent/identity.ts";
import { createLog } from "../../../agent/log.ts";
import { startSendingResults } from "../../../agent/result-sender.ts";
import { openSequence } from "../../../agent/sequence.ts";
import type { BatchSpec } from "../../../domain/execution/spec.ts";
import { berthClient } from "../../../protocol/client.ts";
import { playedRuntime } from "./played-runtime.ts";
import { PlayedWish } from "./played-wish.ts";

const wish = PlayedWish.parse(JSON.parse(process.argv[2] ?? ""));
const { dataDir, broker, name, cores } = wish;
const machine = {
  hostname: name,
  ...{ os: "Debian 12", architecture: "x64", cpu_model: "played", cpu_cores: cores, memory_mb: cores * 4096 },
  ...{ disk_gb: cores * 10, runtime: "process" as const, sandboxed: true, gpus: [] },
};
const owner = berthClient({ baseUrl: broker, ...(wish.eyes === undefined ? {} : { token: wish.eyes }) });

/** Whatever the API shows of the others while this one's own execution still counts. */
async function peek({ id, jobId }: BatchSpec): Promise<string | undefined> {
  const { executions } = await owner.listJobExecutions({ params: { id: jobId } });
  const own = executions.find((one) => one.id === id);
  if (own?.status !== "scheduled" && own?.status !== "running") return undefined;
  return executions.find(({ result }) => result !== undefined)?.result;
}

const identity = await openIdentity(dataDir);
const client = createBrokerClient(broker, identity);
const log = createLog();
async function enrol() {
  const id = await client.enrol({
    ...{ token: wish.token, public_key: identity.publicKey, name, region: "eu-north", host: "127.0.0.1" },
    ...{ price_per_gpu_hour: "0.389000", price_per_cpu_hour: "0.010000", agent_version: AGENT_VERSION, machine },
  });
  await writeProviderId(dataDir, id);
  return id;
}
const providerId = (await readProviderId(dataDir)) ?? (await enrol());
const sequence = await openSequence(dataDir);
const runtime = playedRuntime(wish.role, peek);
startSendingResults({ broker: client, providerId, identity, runtime, sequence, log });
startBeating({
  ...{ broker: client, providerId, runtime, sequence, log },
  usage: async () => ({ cpu_percent: 1, memory_used_mb: 1, gpus: [] }),
  machine: { current: () => machine, look: async () => {}, onChange: () => {} },
});
process.on("SIGTERM", () => process.exit());
log.info({ role: wish.role }, "serving");
