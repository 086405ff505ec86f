// The supervisor: one detached process per execution. It holds the sandbox and the SSH door, outlives the agent, says
// in state.json how things are, and leaves nothing behind when it ends.
import { rest } from "../../pace.ts";
import { identify, type ProcessIdentity } from "../../processes.ts";
import { executionEnvironment, isPassedOn } from "./environment.ts";
import {
  claim,
  ended,
  executionFiles,
  type Order,
  readOrder,
  readStop,
  type State,
  writeState,
} from "./execution-dir.ts";
import { plainRoom } from "./plain.ts";
import type { Room } from "./room.ts";
import { startSandbox } from "./sandbox.ts";
import { createSshServer, SSH_USER } from "./ssh-server.ts";
import { openWorkspaceLog, type WorkspaceLog } from "./workspace-log.ts";

const GRACE_MS = 5000;
/** The broker ends a rental at its deadline; this is for when it cannot be heard. */
const PAST_DEADLINE_MS = 60_000;
const LOOK_AGAIN_MS = 15_000;

type End = Extract<State, { phase: "ended" }>;

/** Runs an execution to its end. @returns when all of it is gone and written down */
export async function supervise(dir: string): Promise<void> {
  const order = await readOrder(dir);
  const self = identify(process.pid);
  if (!order || !self || !(await claim(dir))) return; // somebody runs it, ran it, or said that nobody may
  process.on("SIGHUP", () => undefined);
  process.on("uncaughtException", (error) => console.error(error)); // one broken connection must not end a rental
  const stopped = stopOrdered(dir);
  const log = openWorkspaceLog(executionFiles(dir).log);
  log(`The workspace starts${order.sandboxed ? "" : " without a sandbox"}: ${holdings(order)}.`);
  await writeState(dir, { phase: "starting", supervisor: self });
  const end = await live(dir, order, self, stopped, log);
  log(`The workspace ended: ${end.detail}`);
  await writeState(dir, end);
}

function stopOrdered(dir: string): Promise<End> {
  return new Promise((resolve) => {
    const asked = async () => {
      const order = await readStop(dir).catch(() => undefined);
      const { cause, detail } = order ?? { cause: "killed", detail: "The supervisor was told to stop." };
      resolve(ended(cause, detail, null, new Date()));
    };
    process.on("SIGTERM", asked);
    process.on("SIGINT", asked);
  });
}

function holdings({ spec: { gpuUuids, cpuCores, memoryMb } }: Order): string {
  const count = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;
  return `${count(gpuUuids.length, "GPU")}, ${count(cpuCores, "core")}, ${memoryMb} MB of memory`;
}

async function live(
  dir: string,
  order: Order,
  self: ProcessIdentity,
  stopped: Promise<End>,
  log: WorkspaceLog,
): Promise<End> {
  let room: Room;
  try {
    room = await openRoom(dir, order);
  } catch (error) {
    return ended("sandbox-missing", `The sandbox could not be made: ${reason(error)}`, null, new Date());
  }
  const over = new AbortController();
  try {
    let port = 0;
    const server = createServer(dir, order, room, () => port, log);
    port = await server.listen(Math.random);
    log(`It is ready: SSH answers on port ${port}.`);
    const sandbox = room.initPid === null ? null : (identify(room.initPid) ?? null);
    await writeState(dir, { phase: "ready", supervisor: self, port, user: SSH_USER, sandbox });
    const end = await Promise.race([
      stopped,
      room.gone.then((detail) => ended("exited", detail, null, new Date())),
      pastDeadline(dir, over.signal),
    ]);
    server.close();
    return end;
  } catch (error) {
    return ended("start-failed", `The SSH server could not start: ${reason(error)}`, null, new Date());
  } finally {
    over.abort();
    await room.end(GRACE_MS);
  }
}

/** @param port known only once the server, which tells it to its sessions, listens */
function createServer(dir: string, order: Order, room: Room, port: () => number, log: WorkspaceLog) {
  const dropped = Object.entries(order.spec.env).filter(([name, value]) => !isPassedOn(name, value));
  if (dropped.length > 0) log(`Variables that were not passed on: ${dropped.map(([name]) => name).join(", ")}.`);
  /** Keys, variables and deadline may change while it runs. */
  const now = async () => (await readOrder(dir)) ?? order;
  return createSshServer({
    hostKey: rental(order).sshHostKey,
    room,
    keys: async () => rental(await now()).sshPublicKeys,
    environment: async (term) => {
      const latest = await now();
      return executionEnvironment(
        rental(latest),
        { publicHost: latest.publicHost, port: port(), home: room.home },
        term,
      );
    },
    log,
  });
}

function rental({ spec }: Order) {
  if (spec.kind !== "rental") throw new Error("a batch execution has no supervisor");
  return spec;
}

async function openRoom(dir: string, { spec, sandboxed }: Order): Promise<Room> {
  const { home, system } = executionFiles(dir);
  if (!sandboxed) return plainRoom(home);
  return startSandbox({ home, system, hostname: spec.id.replaceAll("_", "-"), gpuUuids: spec.gpuUuids });
}

/**
 * Resolves a while after the deadline, or when the execution's directory was taken away. The order is read anew each
 * time; what is left of an order is counted on the monotonic clock from when it was first read, so that setting the
 * machine's clock ends nothing.
 */
async function pastDeadline(dir: string, signal: AbortSignal): Promise<End> {
  let read = { deadline: "", brokerAheadMs: 0, endsAtMs: 0 };
  for (;;) {
    const order = await readOrder(dir).catch(() => undefined);
    if (!order) return ended("killed", "The directory of the execution is gone.", null, new Date());
    const { deadline } = order.spec;
    if (deadline !== read.deadline || order.brokerAheadMs !== read.brokerAheadMs) {
      const leftMs = Date.parse(deadline) - order.brokerAheadMs - Date.now();
      read = { deadline, brokerAheadMs: order.brokerAheadMs, endsAtMs: performance.now() + leftMs + PAST_DEADLINE_MS };
    }
    const leftMs = read.endsAtMs - performance.now();
    if (leftMs <= 0) return ended("deadline", "The rental is over and the broker did not end it.", null, new Date());
    await rest(Math.min(leftMs, LOOK_AGAIN_MS), signal);
    if (signal.aborted) return new Promise(() => undefined);
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
