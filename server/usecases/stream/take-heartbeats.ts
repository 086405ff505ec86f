// Heartbeats from the stream: usage and a sign of life. They decide nothing: the Node object says whether a node is there.
import { isNode } from "../../../domain/provider/state.ts";
import { HEARTBEAT_STREAM, StreamHeartbeat } from "../../../protocol/streams.ts";
import { type GpuRow, gpusOf } from "../../repos/gpus.ts";
import { machinesByName, type StreamMachine } from "../../repos/stream.ts";
import { hear, type Sign } from "./hear.ts";
import {
  type Message,
  type Outcome,
  Refused,
  readMessage,
  refusedOutcome,
  type StreamDeps,
  type StreamEntry,
} from "./message.ts";
import { provenBy } from "./proof.ts";

/**
 * Takes heartbeats of many machines together. Safe to run twice with the same entries.
 * @returns an outcome for each entry
 * @throws where one could not be decided, such as while the database is away: nothing may be acknowledged then
 */
export async function takeHeartbeats(deps: StreamDeps, entries: readonly StreamEntry[]): Promise<Outcome[]> {
  const outcomes = new Map<string, Outcome>();
  const attempt = (id: string, work: () => void) => {
    try {
      work();
    } catch (error) {
      outcomes.set(id, refusedOutcome(id, error));
    }
  };

  const messages: Message<StreamHeartbeat>[] = [];
  for (const entry of entries) attempt(entry.id, () => messages.push(readMessage(StreamHeartbeat, entry)));
  const machines = await machinesByName(deps.db, [...new Set(messages.map(({ data }) => data.provider_id))]);
  const gpus = new Map<string, GpuRow[]>();
  for (const gpu of await gpusOf(deps.db, [...new Set([...machines.values()].map(({ id }) => id))])) {
    if (gpu.present) gpus.set(gpu.providerId, [...(gpus.get(gpu.providerId) ?? []), gpu]);
  }
  const signs: Sign[] = [];
  for (const message of messages)
    attempt(message.entry.id, () => {
      const machine = admitted(deps, message, machines.get(message.data.provider_id));
      signs.push({ message, machine, usage: usageOf(message.data, machine, gpus.get(machine.id) ?? []) });
    });
  for (const [id, heard] of await hear(deps, signs))
    attempt(id, () => {
      if (heard instanceof Refused) throw heard;
      outcomes.set(id, heard === "superseded" ? { id, superseded: true } : { id });
    });
  return entries.map(({ id }) => outcomes.get(id) ?? { id });
}

/** @throws Refused where the message is not of a node that may speak */
function admitted(
  deps: StreamDeps,
  message: Message<StreamHeartbeat>,
  machine: StreamMachine | undefined,
): StreamMachine {
  const name = message.data.provider_id;
  if (!machine) throw new Refused("unknown-provider", "No machine is registered by this provider_id.", name);
  provenBy(deps, HEARTBEAT_STREAM, message, machine);
  if (!isNode(machine.runtime))
    throw new Refused("not-a-node", "This machine is no node of the cluster: its agent beats over HTTP.", name);
  if (machine.admission === "removed" || machine.admission === "rejected")
    throw new Refused("turned-away", `This machine was ${machine.admission}.`, name, machine.admission);
  return machine;
}

/** The seed counts memory in percent of all there is; GPUs are told apart by their place where they have no UUID. */
function usageOf(data: StreamHeartbeat, { memoryGb }: StreamMachine, shown: readonly GpuRow[]) {
  const gpus = (data.gpu_usage ?? []).flatMap(({ index, uuid, utilization, memory_used_mb }, at) => {
    const known = uuid ?? shown.find((gpu) => gpu.index === (index ?? at))?.uuid;
    return known === undefined ? [] : [{ uuid: known, utilization_percent: utilization, memory_used_mb }];
  });
  const memoryUsedMb = Math.round(((data.memory_usage ?? 0) / 100) * memoryGb * 1024);
  return { cpu_percent: data.cpu_usage ?? 0, memory_used_mb: memoryUsedMb, gpus };
}
