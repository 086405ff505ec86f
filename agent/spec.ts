// An execution as the agent keeps it: the domain's shape, checked wherever it comes in from wire or disk.
import { z } from "zod";
import type { AnySpec } from "../domain/execution/spec.ts";
import { type Id, type IdPrefix, isId } from "../domain/ids.ts";
import type { HeartbeatAnswer } from "../protocol/agent.ts";

export const idOf = <P extends IdPrefix>(prefix: P) =>
  z.custom<Id<P>>((value) => typeof value === "string" && isId(prefix, value), `not an id of kind ${prefix}`);

/** Orders written down by an agent that did not know of it have none. */
const registryLogin = z
  .strictObject({ registry: z.string(), username: z.string(), password: z.string() })
  .nullable()
  .default(null);

const Rental = z.strictObject({
  id: idOf("exec"),
  jobId: idOf("job"),
  providerId: idOf("prov"),
  kind: z.literal("rental"),
  image: z.string(),
  cpuCores: z.int(),
  memoryMb: z.int(),
  diskGb: z.int(),
  gpuUuids: z.array(z.string()),
  env: z.record(z.string(), z.string()),
  /** As of a login, older orders have none. */
  command: z.array(z.string()).nullable().default(null),
  registryLogin,
  sshPublicKeys: z.array(z.string()),
  sshHostKey: z.string(),
  deadline: z.iso.datetime({ offset: true }),
});

const Batch = z.strictObject({
  id: idOf("exec"),
  jobId: idOf("job"),
  providerId: idOf("prov"),
  kind: z.literal("batch"),
  image: z.string(),
  command: z.array(z.string()),
  registryLogin,
  inputData: z.string(),
  files: z.array(z.string()),
  network: z.boolean(),
  cpuCores: z.int(),
  memoryMb: z.int(),
  diskGb: z.int(),
  gpuUuids: z.array(z.string()),
  env: z.record(z.string(), z.string()),
  timeoutSeconds: z.int(),
  deadline: z.iso.datetime({ offset: true }),
});

export const SpecShape = z.discriminatedUnion("kind", [Rental, Batch]);

/** The wire's words to the domain's. Throws where an id is none. */
export function toSpec(wire: HeartbeatAnswer["executions"][number]): AnySpec {
  const { id, image, env, deadline } = wire;
  const shared = {
    ...{ id, jobId: wire.job_id, providerId: wire.provider_id, image, cpuCores: wire.cpu_cores },
    ...{ memoryMb: wire.memory_mb, diskGb: wire.disk_gb, gpuUuids: wire.gpu_uuids, env, deadline },
  };
  if (wire.kind === "rental")
    return Rental.parse({
      ...shared,
      kind: wire.kind,
      command: wire.command,
      registryLogin: wire.registry_login,
      sshPublicKeys: wire.ssh_public_keys,
      sshHostKey: wire.ssh_host_key,
    });
  return Batch.parse({
    ...shared,
    kind: wire.kind,
    command: wire.command,
    registryLogin: wire.registry_login,
    inputData: wire.input_data,
    files: wire.files,
    network: wire.network,
    timeoutSeconds: wire.timeout_seconds,
  });
}
