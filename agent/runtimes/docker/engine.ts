// The container engine of this machine, Docker or Podman, through the one socket that both understand.
import { access, constants } from "node:fs/promises";
import { Duplex, Readable } from "node:stream";
import Docker from "dockerode";
import { z } from "zod";

export type EngineKind = "docker" | "podman";

export interface Engine {
  readonly docker: Docker;
  readonly kind: EngineKind;
  readonly version: string;
  readonly socket: string;
}

export type Found = { readonly engine: Engine } | { readonly why: string; readonly fix: string };

/** What an engine does by itself in no time; pulls, logs and waits take as long as they take. */
const ANSWER_MS = 60_000;
const HELLO_MS = 5000;

/** Where a socket may be, the likeliest first. `DOCKER_HOST` is the owner's word: nothing else is tried then. */
export function socketsOf(env: Readonly<Record<string, string | undefined>>): string[] {
  const said = env.DOCKER_HOST;
  if (said) return [said];
  const own = env.XDG_RUNTIME_DIR;
  const places = ["/var/run/docker.sock", "/run/podman/podman.sock", ...(own ? [`${own}/podman/podman.sock`] : [])];
  return places.map((path) => `unix://${path}`);
}

const INSTALL = "Install Docker (https://docs.docker.com/engine/install/) or Podman (apt install podman)";
const START = "start it: systemctl enable --now docker, or systemctl enable --now podman.socket";

/** Asks the sockets in turn. @returns the first engine that answers, or why there is none and what helps */
export async function findEngine(env: Readonly<Record<string, string | undefined>> = process.env): Promise<Found> {
  const troubles: string[] = [];
  let fix = `${INSTALL}, and ${START}.`;
  for (const address of socketsOf(env)) {
    if (!address.startsWith("unix:///")) {
      const why = `DOCKER_HOST is ${address}: the engine has to be of this very machine`;
      return { why, fix: "Leave DOCKER_HOST away, or set it to unix:///path/of/the.sock." };
    }
    const socket = address.slice("unix://".length);
    try {
      await access(socket, constants.R_OK | constants.W_OK);
    } catch (error) {
      const denied = error instanceof Error && "code" in error && error.code === "EACCES";
      if (denied) fix = "Run the agent as root, or let its user use the engine: usermod -aG docker USER.";
      troubles.push(denied ? `${socket} may not be used` : `${socket} is not there`);
      continue;
    }
    try {
      return { engine: await connect(socket) };
    } catch (error) {
      fix = `See what it says: journalctl -u docker -u podman; then ${START}.`;
      troubles.push(`${socket} does not answer: ${said(error)}`);
    }
  }
  return { why: `no container engine: ${troubles.join("; ")}`, fix };
}

/** `Docker/24.0.7 (linux)`, `Libpod/4.3.1 (linux)` */
const Hello = z.object({ headers: z.object({ server: z.string().regex(/^\w+\/[^ ]+/) }) });

/**
 * By a ping, and not by asking for its version: for that Podman asks the machine's package manager about each of its
 * helpers, which takes half a second, and minutes where many ask a busy machine.
 */
async function connect(socket: string): Promise<Engine> {
  const docker = new Docker({ socketPath: socket });
  const { headers } = Hello.parse(await within(ping(docker), HELLO_MS));
  const [name, version = ""] = headers.server.split(/[/ ]/);
  return { docker, kind: name === "Libpod" ? "podman" : "docker", version, socket };
}

async function ping(docker: Docker): Promise<Readable> {
  const options = { method: "GET", path: "/_ping", isStream: true, statusCodes: { 200: true } };
  const answer = await dial(docker, options);
  return answer.resume();
}

/** Rejects where an engine takes longer than it ever should: then it is away. */
export async function within<T>(answer: Promise<T>, ms = ANSWER_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The status of an engine's refusal; undefined where it did not answer at all. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("statusCode" in error)) return undefined;
  return typeof error.statusCode === "number" ? error.statusCode : undefined;
}

const Refusal = z.object({ json: z.object({ message: z.string() }) });

/** The engine's own words, where it has any. */
export function said(error: unknown): string {
  const parsed = Refusal.safeParse(error);
  if (parsed.success) return parsed.data.json.message.trim();
  // Of a stream's refusal dockerode parses nothing: its own words stand before the engine's.
  return (error instanceof Error ? error.message : String(error)).replace(/^\(HTTP code \d+\) [^-]* - /, "").trim();
}

export interface AuthConfig {
  readonly username: string;
  readonly password: string;
  readonly serveraddress: string;
}

interface Ask {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly query: Readonly<Record<string, string | number>>;
  readonly authconfig?: AuthConfig | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A stream that dockerode has no method for. @throws with the engine's status */
export function openStream({ docker }: Engine, { method, path, query, authconfig, signal }: Ask): Promise<Readable> {
  return dial(docker, {
    ...{ method, path: `${path}?`, options: { _query: query, _body: {} }, isStream: true, statusCodes: { 200: true } },
    ...(authconfig ? { authconfig } : {}),
    ...(signal ? { abortSignal: signal } : {}),
  });
}

/**
 * The way to a container's stdin, to be had before it is started. dockerode's own `attach` sends its options as the
 * first bytes of it. What the container writes comes along on Podman: it has to be read, or the container stands still.
 */
export async function openStdin({ docker }: Engine, container: string): Promise<Duplex> {
  const stream = await dial(docker, {
    ...{ method: "POST", path: `/containers/${container}/attach?`, options: { _query: { stream: 1, stdin: 1 } } },
    ...{ isStream: true, hijack: true, file: Buffer.alloc(0), statusCodes: { 101: true, 200: true } },
  });
  if (!(stream instanceof Duplex)) throw new Error("the engine gave no way to a container's stdin");
  return stream;
}

function dial(docker: Docker, options: Parameters<Docker["modem"]["dial"]>[0]): Promise<Duplex | Readable> {
  return new Promise((resolve, reject) => {
    docker.modem.dial(options, (error, stream) => {
      if (error) reject(error);
      else if (stream instanceof Readable) resolve(stream);
      else reject(new Error("the engine gave no stream"));
    });
  });
}
