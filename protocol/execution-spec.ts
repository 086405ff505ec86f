// What should run, in the words of the wire.
import type { BatchSpec, ExecutionSpec } from "../domain/execution/spec.ts";
import type { WireBatch, WireRental } from "./agent.ts";

/** @param expiresAt the real end, known once it runs; before that the spec's own deadline counts */
export function toWireSpec(spec: ExecutionSpec, expiresAt: Date | null): WireRental {
  return {
    id: spec.id,
    job_id: spec.jobId,
    provider_id: spec.providerId,
    kind: spec.kind,
    image: spec.image,
    cpu_cores: spec.cpuCores,
    memory_mb: spec.memoryMb,
    disk_gb: spec.diskGb,
    gpu_uuids: [...spec.gpuUuids],
    env: { ...spec.env },
    // Those sealed before there were such fields have neither.
    command: spec.command ? [...spec.command] : null,
    registry_login: spec.registryLogin ? { ...spec.registryLogin } : null,
    ssh_public_keys: [...spec.sshPublicKeys],
    ssh_host_key: spec.sshHostKey,
    deadline: expiresAt?.toISOString() ?? spec.deadline,
  };
}

export function toWireBatch(spec: BatchSpec): WireBatch {
  return {
    id: spec.id,
    job_id: spec.jobId,
    provider_id: spec.providerId,
    kind: spec.kind,
    image: spec.image,
    command: [...spec.command],
    registry_login: spec.registryLogin ? { ...spec.registryLogin } : null,
    input_data: spec.inputData,
    files: [...spec.files],
    network: spec.network,
    cpu_cores: spec.cpuCores,
    memory_mb: spec.memoryMb,
    disk_gb: spec.diskGb,
    gpu_uuids: [...spec.gpuUuids],
    env: { ...spec.env },
    timeout_seconds: spec.timeoutSeconds,
    deadline: spec.deadline,
  };
}
