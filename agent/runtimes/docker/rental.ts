// A rental in a container: the image's sshd on a published port, until its deadline or until the broker ends it.
import { UNFIT_IMAGE } from "../../../domain/execution/entry-script.ts";
import type { ExecutionSpec } from "../../../domain/execution/spec.ts";
import { rest } from "../../pace.ts";
import { create, ended, haveNetwork, kill, look, NotBegun, type Seen, start, takeAway } from "./container.ts";
import { type Engine, within } from "./engine.ts";
import { countdown, type Execution, type Ground } from "./execution.ts";
import { haveImage, ImageError } from "./image.ts";
import { askWhoKilled, SIGKILLED } from "./killed.ts";
import { containerName, type Maker, rentalContainer } from "./options.ts";
import { type Ended, endedState, isMarked, mark, type State } from "./records.ts";
import { followLog, lastLine, type RentalLog } from "./rental-log.ts";
import { answersSsh, portIsFree, sessionArchive, startArchive } from "./ssh.ts";

/** The broker ends a rental at its deadline; this is for when it cannot be heard. */
const PAST_DEADLINE_MS = 60_000;
const LOOK_AGAIN_MS = 15_000;
const DISK_EVERY_MS = 60_000;
/** sshd needs less than a second; where the way to it is not there by then, it does not come by itself. */
const SSH_SILENT_AFTER_MS = 90_000;
const SSH_EVERY_MS = 200;
/** Kubernetes' node ports: owners of machines open one range, whatever runs there. */
const FIRST_PORT = 30_000;
const LAST_PORT = 32_767;
const MOST_PORTS_TRIED = 8;

/** Takes it on from wherever it is. Resolves when it ended; throws where the engine went away. */
export async function passRental(
  x: Execution,
  spec: ExecutionSpec,
  ground: Ground,
  log: RentalLog,
  engine: Engine,
  signal: AbortSignal,
) {
  const end = async (state: Ended) => {
    log.tell(`The workspace ended: ${state.detail}`);
    await ground.setState(x, state);
  };
  try {
    let seen = await look(engine, x.id);
    if (!seen && (await isMarked(x.dir, "started")))
      return await end(endedState("killed", "Its container was taken away.", null, new Date()));
    if (!seen || seen.stage === "created") seen = await begin(x, spec, ground, log, engine, signal);
    if (seen.stage === "running") {
      const cut = await live(x, ground, log, engine, seen, signal);
      if (signal.aborted) return;
      if (cut) {
        await kill(engine, x.id);
        return await end(cut);
      }
    }
    seen = await look(engine, x.id);
    if (seen?.stage === "running") return; // not yet: the next pass looks again
    if (seen) await end(await howItEnded(engine, seen));
  } catch (error) {
    if (error instanceof ImageError) return end(endedState(error.trouble, error.message, null, new Date()));
    if (!(error instanceof NotBegun)) throw error;
    await end(endedState(error.why, error.message, error.exitCode, new Date()));
  }
}

async function begin(
  x: Execution,
  spec: ExecutionSpec,
  ground: Ground,
  log: RentalLog,
  engine: Engine,
  signal: AbortSignal,
): Promise<Seen> {
  const maker = ground.maker(engine);
  await haveImage(engine, spec.image, spec.registryLogin, signal);
  await haveNetwork(engine);
  for (let tried = 0; tried < MOST_PORTS_TRIED; tried++) {
    const port = (await look(engine, x.id))?.port ?? (await choosePort(Math.random));
    await create(engine, rentalContainer(spec, port, maker));
    await put(engine, x, await startArchive(spec, port, maker));
    await mark(x.dir, "started");
    const made = await look(engine, x.id);
    if (made && (await start(engine, made)) === "started") {
      log.tell(`The workspace starts: ${spec.gpuUuids.length} GPUs, ${spec.cpuCores} cores, ${spec.memoryMb} MB.`);
      const seen = await look(engine, x.id);
      if (seen) return seen;
    }
    await takeAway(engine, containerName(x.id)); // it never ran: somebody else has its port
  }
  throw new NotBegun("start-failed", `No port for SSH is free between ${FIRST_PORT} and ${LAST_PORT}.`);
}

async function choosePort(random: () => number): Promise<number> {
  const count = LAST_PORT - FIRST_PORT + 1;
  const first = Math.floor(random() * count);
  for (let tried = 0; tried < count; tried++) {
    const port = FIRST_PORT + ((first + tried) % count);
    if (await portIsFree(port)) return port;
  }
  throw new NotBegun("start-failed", `No port for SSH is free between ${FIRST_PORT} and ${LAST_PORT}.`);
}

async function put(engine: Engine, x: Execution, archive: Buffer): Promise<void> {
  await within(engine.docker.getContainer(containerName(x.id)).putArchive(archive, { path: "/" }));
}

/** @returns why it has to be ended; undefined where it ended by itself, or where nobody is to watch any more */
async function live(
  x: Execution,
  ground: Ground,
  log: RentalLog,
  engine: Engine,
  seen: Seen,
  signal: AbortSignal,
): Promise<Ended | undefined> {
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  const maker = ground.maker(engine);
  const wakes: (() => void)[] = [];
  x.changed = () => wakes.splice(0).forEach((wake) => void wake());
  void followLog(engine, seen.id, log, both).catch(() => undefined); // the next pass goes on where it stopped
  try {
    return await Promise.race([
      ended(engine, seen, both).then(() => undefined),
      sshSilent(x, ground, log, seen, both),
      pastDeadline(x, both),
      diskFull(x, engine, both),
      keepKeys(x, engine, seen, maker, (wake) => wakes.push(wake), both),
    ]);
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  } finally {
    x.changed = () => undefined;
    over.abort();
  }
}

/** Says when SSH answers; resolves only where it never does. */
async function sshSilent(
  x: Execution,
  ground: Ground,
  log: RentalLog,
  seen: Seen,
  signal: AbortSignal,
): Promise<Ended> {
  const { port } = seen;
  if (port === null) return endedState("start-failed", "Its SSH has no port on this machine.", null, new Date());
  const endMs = performance.now() + SSH_SILENT_AFTER_MS;
  while (!signal.aborted && x.state.phase !== "ready") {
    if (await answersSsh(port)) {
      log.tell(`It is ready: SSH answers on port ${port}.`);
      const ready: State = { phase: "ready", port };
      await ground.setState(x, ready);
      break;
    }
    if (performance.now() > endMs) return endedState("ssh-silent", "sshd does not answer inside it.", null, new Date());
    await rest(SSH_EVERY_MS, signal);
  }
  return new Promise(() => undefined);
}

/** The order is read anew each time: an extension takes effect by itself. */
async function pastDeadline(x: Execution, signal: AbortSignal): Promise<Ended> {
  let order = x.order;
  const momentOf = () => Date.parse(order.spec.deadline) - order.brokerAheadMs + PAST_DEADLINE_MS;
  let left = countdown(momentOf());
  while (!signal.aborted) {
    if (x.order !== order) {
      order = x.order;
      left = countdown(momentOf());
    }
    if (left() <= 0)
      return endedState("deadline", "The rental is over and the broker did not end it.", null, new Date());
    await rest(Math.min(left(), LOOK_AGAIN_MS), signal);
  }
  return new Promise(() => undefined);
}

/** For engines that cannot limit what is written over an image. */
async function diskFull(x: Execution, engine: Engine, signal: AbortSignal): Promise<Ended> {
  for (;;) {
    await rest(DISK_EVERY_MS, signal);
    if (signal.aborted) return new Promise(() => undefined);
    const { diskGb } = x.order.spec;
    const bytes = (await look(engine, x.id, true))?.writtenBytes ?? 0;
    if (bytes > diskGb * 1024 ** 3)
      return endedState("out-of-disk", `It wrote more than its ${diskGb} GB of disk.`, null, new Date());
  }
}

/** Gives keys and variables again whenever they are others than those given; once anew where nobody knows which were. */
async function keepKeys(
  x: Execution,
  engine: Engine,
  seen: Seen,
  maker: Maker,
  onChange: (wake: () => void) => void,
  signal: AbortSignal,
): Promise<never> {
  let given = "";
  while (!signal.aborted) {
    const { spec } = x.order;
    const changed = new Promise<void>((resolve) => onChange(resolve));
    const wanted = JSON.stringify(spec);
    if (spec.kind === "rental" && wanted !== given && x.state.phase === "ready" && seen.port !== null) {
      await put(engine, x, await sessionArchive(spec, seen.port, maker));
      given = wanted;
    }
    await Promise.race([changed, rest(given === "" ? SSH_EVERY_MS : LOOK_AGAIN_MS, signal)]);
  }
  return new Promise(() => undefined);
}

async function howItEnded(engine: Engine, seen: Seen): Promise<Ended> {
  const { exitCode } = seen;
  const at = seen.finishedAt ?? new Date();
  const words = await lastLine(engine, seen.id);
  if (exitCode === UNFIT_IMAGE) return endedState("unfit-image", words, exitCode, at);
  // The first process dies of it by SIGKILL; another one's end is the customer's to see.
  if (exitCode === SIGKILLED && (await askWhoKilled(engine, seen)) === "out-of-memory")
    return endedState("out-of-memory", "It needed more memory than it rented.", exitCode, at);
  const detail = words === "" ? `It ended with exit code ${exitCode}.` : words;
  return endedState(exitCode === SIGKILLED ? "killed" : "exited", detail, exitCode, at);
}
