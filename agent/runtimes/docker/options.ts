// What an engine is asked to make for one execution, as pure functions of its spec.
import type Docker from "dockerode";
import { ENTRY_SCRIPT, SSH_PORT } from "../../../domain/execution/entry-script.ts";
import type { AnySpec, BatchSpec, ExecutionSpec } from "../../../domain/execution/spec.ts";
import type { ExecutionId } from "../../../domain/ids.ts";
import { isPassedOn } from "../process/environment.ts";
import type { EngineKind } from "./engine.ts";

export const LABELS = { execution: "berth.execution", job: "berth.job", kind: "berth.kind", root: "berth.root" };
/** Where a program begins whose image names no folder. */
export const WORK_DIR = "/work";
/** Of Docker's own network containers may talk to each other; of this one they may not. */
export const NETWORK = "berth";

const BATCH_PIDS = 512;
const RENTAL_PIDS = 4096;
/** What sshd needs of root's rights, and nothing else. */
const CAPABILITIES = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETUID", "SETGID", "SYS_CHROOT", "AUDIT_WRITE"];
/** The same everywhere: what a program prints of its machine should not differ between those that are compared. */
const HOSTNAME = "berth";
const MOST_LIMIT = 1_048_576;
/** Podman takes no more for itself; what counts inside is the limit of pids. */
const MOST_PROCESSES = 32_768;
const MB = 1024 * 1024;
const GB = 1024 * MB;
/** What a program may write to both its streams before it is ended: more than any result may be. */
export const MOST_LOG_BYTES = 32 * MB;

/** Derived from the id, and an engine gives a name once: this is what keeps an execution from running twice. */
export const containerName = (id: ExecutionId): string => `berth-${id.replace("_", "-")}`;

export interface Maker {
  readonly kind: EngineKind;
  /** of the executions of this agent: containers of another agent on the same engine are not its own */
  readonly root: string;
  readonly publicHost: string;
  /** most that this machine lets anybody have */
  readonly most: { readonly openFiles: number; readonly processes: number };
}

/**
 * What an engine would take by itself may be more than its machine allows, and then nothing starts.
 * @param text of /proc/self/limits
 */
export function hardLimits(text: string): Maker["most"] {
  const hard = (name: string) => Number(new RegExp(`^${name}\\s+\\S+\\s+(\\d+)`, "m").exec(text)?.[1] ?? MOST_LIMIT);
  return {
    openFiles: Math.min(MOST_LIMIT, hard("Max open files")),
    processes: Math.min(MOST_PROCESSES, hard("Max processes")),
  };
}

/** What the image says of itself. */
export interface ImageFacts {
  readonly workingDir: string;
}

export const workingDirOf = ({ workingDir }: ImageFacts): string =>
  workingDir === "" || workingDir === "/" ? WORK_DIR : workingDir;

/**
 * Root is read-only; a volume with what the image has there makes the working directory writable, and lasts until its
 * output is collected, as no tmpfs does. Nothing of the machine is in it, and no network unless the job asked for one.
 */
export function batchContainer(spec: BatchSpec, image: ImageFacts, maker: Maker): Docker.ContainerCreateOptions {
  const dir = workingDirOf(image);
  const [entry, ...rest] = spec.command;
  const stdin = spec.inputData !== "";
  const scratch = Math.min(GB, Math.floor(spec.memoryMb / 2) * MB);
  return {
    ...shared(spec, maker),
    ...(entry === undefined ? {} : { Entrypoint: [entry], Cmd: rest }),
    ...{ Env: environmentOf(spec, []), WorkingDir: dir, Volumes: { [dir]: {} } },
    ...{ OpenStdin: stdin, StdinOnce: stdin, AttachStdin: stdin, Hostname: HOSTNAME },
    HostConfig: {
      ...limits(spec, maker.kind),
      ...{ ReadonlyRootfs: true, CapDrop: ["ALL"], PidsLimit: BATCH_PIDS },
      ...(dir === "/tmp" ? {} : { Tmpfs: { "/tmp": `rw,exec,nosuid,nodev,size=${scratch},mode=1777` } }),
      Ulimits: [...ulimits(maker), { Name: "fsize", Soft: spec.diskGb * GB, Hard: spec.diskGb * GB }],
      NetworkMode: spec.network ? networkOf(maker.kind) : "none",
    },
  };
}

/** @param port where its SSH is to answer on this machine */
export function rentalContainer(spec: ExecutionSpec, port: number, maker: Maker): Docker.ContainerCreateOptions {
  const inside = `${SSH_PORT}/tcp`;
  return {
    ...shared(spec, maker),
    ...{ Entrypoint: ["/bin/sh"], Cmd: ["-c", ENTRY_SCRIPT], User: "0", WorkingDir: "/", Hostname: "workspace" },
    Env: environmentOf(spec, Object.entries(rentalFacts(port, maker))),
    ExposedPorts: { [inside]: {} },
    HostConfig: {
      ...limits(spec, maker.kind),
      ...{ CapDrop: ["ALL"], CapAdd: CAPABILITIES, PidsLimit: RENTAL_PIDS, Ulimits: ulimits(maker) },
      NetworkMode: networkOf(maker.kind),
      PortBindings: { [inside]: [{ HostIp: "", HostPort: String(port) }] },
    },
  };
}

function rentalFacts(port: number, { publicHost }: Maker): Record<string, string> {
  return { BERTH_PUBLIC_IP: publicHost, BERTH_SSH_PORT: String(port) };
}

/** What sessions of a rental find in their environment. */
export function sessionVariables(spec: ExecutionSpec, port: number, maker: Maker): Record<string, string> {
  return { ...variablesOf(spec), ...rentalFacts(port, maker) };
}

function shared(spec: AnySpec, { root }: Maker) {
  return {
    name: containerName(spec.id),
    Image: spec.image,
    Tty: false,
    Labels: { [LABELS.execution]: spec.id, [LABELS.job]: spec.jobId, [LABELS.kind]: spec.kind, [LABELS.root]: root },
  };
}

function ulimits({ most: { openFiles, processes } }: Maker) {
  return [
    { Name: "nofile", Soft: openFiles, Hard: openFiles },
    { Name: "nproc", Soft: processes, Hard: processes },
  ];
}

const networkOf = (kind: EngineKind) => (kind === "docker" ? NETWORK : "bridge");

function limits(spec: AnySpec, kind: EngineKind): Docker.HostConfig {
  const memory = spec.memoryMb * MB;
  return {
    ...{ NanoCpus: spec.cpuCores * 1e9, Memory: memory, MemorySwap: memory, ShmSize: Math.floor(memory / 2) },
    ...{ SecurityOpt: ["no-new-privileges"], RestartPolicy: { Name: "no" }, LogConfig: logOf(kind) },
    ...gpus(spec.gpuUuids, kind),
  };
}

/**
 * Drivers that keep every byte: Docker's `json-file` replaces what is no UTF-8. Two files of that size, so that whoever
 * wrote more than one of them is known to have written too much.
 */
function logOf(kind: EngineKind) {
  if (kind === "podman") return { Type: "k8s-file", Config: {} };
  return { Type: "local", Config: { "max-size": `${MOST_LOG_BYTES}`, "max-file": "2", compress: "false" } };
}

/** Podman knows GPUs as devices of the Container Device Interface, Docker by NVIDIA's runtime. */
function gpus(uuids: readonly string[], kind: EngineKind): Docker.HostConfig {
  if (uuids.length === 0) return {};
  if (kind === "podman") return { Devices: uuids.map((uuid) => ({ PathOnHost: `nvidia.com/gpu=${uuid}` })) };
  return { DeviceRequests: [{ Driver: "nvidia", DeviceIDs: [...uuids], Capabilities: [["gpu"]] }] };
}

/** A customer's variable that is passed on. Which devices NVIDIA's hooks hand out is no wish either. */
export const isWished = (name: string, value: string) => isPassedOn(name, value) && name !== "NVIDIA_VISIBLE_DEVICES";

function variablesOf(spec: AnySpec): Record<string, string> {
  const wished = Object.entries(spec.env).filter(([name, value]) => isWished(name, value));
  return {
    ...Object.fromEntries(wished),
    BERTH_JOB_ID: spec.jobId,
    BERTH_PROVIDER_ID: spec.providerId,
    BERTH_GPU_COUNT: String(spec.gpuUuids.length),
    BERTH_DEADLINE: spec.deadline,
    CUDA_VISIBLE_DEVICES: spec.gpuUuids.join(","),
  };
}

/** `void`: where NVIDIA's runtime is the engine's default, an image could name all GPUs otherwise. */
function environmentOf(spec: AnySpec, facts: readonly (readonly [string, string])[]): string[] {
  const devices = spec.gpuUuids.length > 0 ? spec.gpuUuids.join(",") : "void";
  const all = { ...variablesOf(spec), ...Object.fromEntries(facts), NVIDIA_VISIBLE_DEVICES: devices };
  return Object.entries(all).map(([name, value]) => `${name}=${value}`);
}
