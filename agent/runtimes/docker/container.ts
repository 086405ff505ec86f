// One container as this agent sees it: found by its name, made once, started, killed, taken away with its volumes.
import type Docker from "dockerode";
import { z } from "zod";
import type { EndCause } from "../../../domain/execution/spec.ts";
import type { ExecutionId } from "../../../domain/ids.ts";
import { rest } from "../../pace.ts";
import { until } from "../../processes.ts";
import { type Engine, said, statusOf, within } from "./engine.ts";
import { containerName, LABELS, NETWORK } from "./options.ts";

/** It was never begun and would not begin if it were tried again. */
export class NotBegun extends Error {
  constructor(
    readonly why: Extract<EndCause, "image-not-found" | "image-denied" | "start-failed" | "unfit-image">,
    detail: string,
    /** as a shell says it: 127 for a program that is not there, 126 for one that cannot be run */
    readonly exitCode: 126 | 127 | null = null,
  ) {
    super(detail);
  }
}

const GONE_AFTER_MS = 30_000;
const LOOK_MS = 60_000;
/** Nobody began or ended it yet, in Go's words. */
const NEVER = /^0001-/;

const time = z.string().transform((text) => (NEVER.test(text) ? null : new Date(text)));

const Inspected = z.object({
  Id: z.string(),
  State: z.object({
    Status: z.string(),
    OOMKilled: z.boolean().nullish(),
    ExitCode: z.number(),
    StartedAt: time,
    FinishedAt: time,
  }),
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish(), WorkingDir: z.string().nullish() }),
  HostConfig: z.object({
    PortBindings: z.record(z.string(), z.array(z.object({ HostPort: z.string() })).nullish()).nullish(),
  }),
  Mounts: z.array(z.object({ Type: z.string(), Source: z.string(), Destination: z.string() })).nullish(),
  SizeRw: z.number().nullish(),
  LogPath: z.string().nullish(),
});

export interface Seen {
  readonly id: string;
  readonly stage: "created" | "running" | "ended";
  readonly exitCode: number;
  readonly oomKilled: boolean;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  readonly workingDir: string;
  /** published on this machine; null where none is */
  readonly port: number | null;
  /** of its working directory, as the machine sees it */
  readonly workSource: string | null;
  /** written over its image; null where it was not asked for */
  readonly writtenBytes: number | null;
  /** the engine's own file of what it wrote; "" where there is none */
  readonly logPath: string;
}

/** @returns undefined where the engine has no such container; throws where the engine is away */
export async function look({ docker }: Engine, id: ExecutionId, size = false): Promise<Seen | undefined> {
  let raw: unknown;
  try {
    const options = { size, abortSignal: AbortSignal.timeout(LOOK_MS) };
    raw = await docker.getContainer(containerName(id)).inspect(options);
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
  const { Id, State, Config, HostConfig, Mounts, SizeRw, LogPath } = Inspected.parse(raw);
  if (Config.Labels?.[LABELS.execution] !== id)
    throw new NotBegun("start-failed", `A container that is not Berth's is called ${containerName(id)}.`);
  const [binding] = Object.values(HostConfig.PortBindings ?? {});
  const port = Number(binding?.[0]?.HostPort);
  const workingDir = Config.WorkingDir || "/";
  return {
    ...{ id: Id, stage: stageOf(State.Status), exitCode: State.ExitCode, oomKilled: State.OOMKilled ?? false },
    ...{ startedAt: State.StartedAt, finishedAt: State.FinishedAt, workingDir },
    port: port > 0 ? port : null,
    workSource: Mounts?.find((mount) => mount.Type === "volume" && mount.Destination === workingDir)?.Source ?? null,
    writtenBytes: SizeRw ?? null,
    logPath: LogPath ?? "",
  };
}

function stageOf(status: string): Seen["stage"] {
  if (["running", "paused", "restarting", "stopping", "removing"].includes(status)) return "running";
  return ["exited", "dead", "stopped"].includes(status) ? "ended" : "created";
}

/** One that is there by this name is as good. @throws NotBegun where the engine refuses it */
export async function create({ docker }: Engine, options: Docker.ContainerCreateOptions): Promise<void> {
  try {
    await within(docker.createContainer(options));
  } catch (error) {
    const status = statusOf(error);
    if (status === undefined) throw error;
    if (status === 409 || /name .* (is )?(already )?in use/i.test(said(error))) return;
    throw new NotBegun("start-failed", `The engine refuses it: ${said(error)}`);
  }
}

/** Of a program that is not in the image, or is not for this machine. */
const NO_SUCH_PROGRAM = /exec: .*(not found|no such file)|executable file .* not found/i;
const NO_PROGRAM = /exec: .*(permission denied|is a directory)|exec format error/i;
const PORT_TAKEN = /port is already allocated|address already in use|cannot listen on|failed to bind/i;

/** @returns `port-taken` where somebody else listens there; throws NotBegun where it cannot be started at all */
export async function start({ docker }: Engine, seen: Seen): Promise<"started" | "port-taken"> {
  try {
    await within(docker.getContainer(seen.id).start());
    return "started";
  } catch (error) {
    const status = statusOf(error);
    if (status === undefined) throw error;
    if (status === 304) return "started";
    const detail = said(error);
    if (PORT_TAKEN.test(detail)) return "port-taken";
    if (NO_SUCH_PROGRAM.test(detail)) throw new NotBegun("unfit-image", detail, 127);
    if (NO_PROGRAM.test(detail)) throw new NotBegun("unfit-image", detail, 126);
    throw new NotBegun("start-failed", `The engine cannot start it: ${detail}`);
  }
}

/** One that is not there or has ended is no error. */
export async function kill({ docker }: Engine, id: ExecutionId): Promise<void> {
  try {
    await within(docker.getContainer(containerName(id)).kill());
  } catch (error) {
    if (statusOf(error) === undefined) throw error;
  }
}

/** Resolves when it does not run any more, or with an error where the engine went away. */
export async function ended({ docker }: Engine, seen: Seen, signal: AbortSignal): Promise<void> {
  await docker.getContainer(seen.id).wait({ abortSignal: signal });
}

const LOOKED_AT_FOR_MS = 1000;
const LEAST_PAUSE_MS = 20;

/**
 * The same of what may end at once. Podman's own wait tells of an end up to half a second late: that is a long time for a
 * short program, so it is looked at in its first second, every third of the time that it has run.
 */
export async function endedSoon(engine: Engine, id: ExecutionId, seen: Seen, signal: AbortSignal): Promise<void> {
  const beganMs = performance.now();
  const ran = () => performance.now() - beganMs;
  while (engine.kind === "podman" && ran() < LOOKED_AT_FOR_MS) {
    await rest(Math.max(LEAST_PAUSE_MS, ran() / 3), signal);
    if (signal.aborted || (await look(engine, id))?.stage !== "running") return;
  }
  await ended(engine, seen, signal);
}

/** After this neither it nor a volume of it is left. */
export async function takeAway(engine: Engine, name: string): Promise<void> {
  const container = engine.docker.getContainer(name);
  const gone = async () => {
    try {
      await within(container.remove({ force: true, v: true }));
      return true;
    } catch (error) {
      if (statusOf(error) === undefined) throw error;
      return statusOf(error) === 404; // a removal by somebody else may not have come to its end
    }
  };
  if (!(await until(gone, GONE_AFTER_MS, 100))) throw new Error(`the engine does not remove ${name}`);
}

/** Names of all containers, living or not, that this agent made. */
export async function ownContainers({ docker }: Engine, root: string): Promise<{ name: string; id: string }[]> {
  const filters = { label: [`${LABELS.root}=${root}`] };
  const listed = await within(docker.listContainers({ all: true, filters }));
  return listed.map(({ Id, Labels }) => ({ name: Id, id: Labels[LABELS.execution] ?? "" }));
}

/** The network on which containers cannot reach each other; Podman's own bridge has to do. */
export async function haveNetwork({ docker, kind }: Engine): Promise<void> {
  if (kind !== "docker") return;
  try {
    await within(docker.getNetwork(NETWORK).inspect());
  } catch (error) {
    if (statusOf(error) !== 404) throw error;
    const Options = { "com.docker.network.bridge.enable_icc": "false" };
    try {
      await within(docker.createNetwork({ Name: NETWORK, Driver: "bridge", Options }));
    } catch (again) {
      if (statusOf(again) !== 409) throw again; // made by a twin in the meantime
    }
  }
}
