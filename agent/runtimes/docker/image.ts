// The image of an execution: had where it is there already, pulled where it is not.
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { RegistryLogin } from "../../../domain/execution/spec.ts";
import { DEFAULT_REGISTRY, registryOf } from "../../../domain/job/image.ts";
import { type AuthConfig, type Engine, openStream, said, statusOf, within } from "./engine.ts";
import type { ImageFacts } from "./options.ts";

export type ImageTrouble = "image-not-found" | "image-denied" | "start-failed";

/** Pulling it again would not help. */
export class ImageError extends Error {
  constructor(
    readonly trouble: ImageTrouble,
    detail: string,
  ) {
    super(detail);
  }
}

/** A registry may be away for a moment, not for this long. */
const UNPULLED_AFTER_MS = 60_000;
const FIRST_PAUSE_MS = 1000;

const Facts = z.object({ Config: z.object({ WorkingDir: z.string().nullish() }).nullish() });

/**
 * IfNotPresent: an image that is there under its name is not pulled again, one named by its digest is there only with that
 * digest. So a moved tag is seen only by machines that have not had it: who minds names a digest.
 * @throws ImageError; anything else where the engine is away
 */
export async function haveImage(
  engine: Engine,
  image: string,
  login: RegistryLogin | null,
  signal: AbortSignal,
  giveUpAfterMs = UNPULLED_AFTER_MS,
): Promise<ImageFacts> {
  const reference = fullName(image);
  const there = await factsOf(engine, reference);
  if (there) return there;
  const endMs = performance.now() + giveUpAfterMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs *= 2) {
    const trouble = await pull(engine, reference, login, signal);
    if (trouble === undefined) break;
    const cause = pullCause(trouble);
    if (cause) throw new ImageError(cause, trouble);
    if (performance.now() + pauseMs > endMs) throw new ImageError("start-failed", `It cannot be pulled: ${trouble}`);
    await sleep(pauseMs, undefined, { signal });
  }
  const pulled = await factsOf(engine, reference);
  if (!pulled) throw new ImageError("image-not-found", `${reference} was pulled and is not there.`);
  return pulled;
}

/** Podman asks a person which registry is meant where a name says none. */
export function fullName(image: string): string {
  const named = registryOf(image) !== DEFAULT_REGISTRY || /^(index\.)?docker\.io\//.test(image);
  const whole = named ? image : `${DEFAULT_REGISTRY}/${image.includes("/") ? "" : "library/"}${image}`;
  const last = whole.slice(whole.lastIndexOf("/"));
  return last.includes(":") || last.includes("@") ? whole : `${whole}:latest`;
}

async function factsOf({ docker }: Engine, reference: string): Promise<ImageFacts | undefined> {
  try {
    const { Config } = Facts.parse(await within(docker.getImage(reference).inspect()));
    return { workingDir: Config?.WorkingDir ?? "" };
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

/** As both engines read it. It goes along with this one pull: neither writes it down. */
export function authOf({ registry, username, password }: RegistryLogin): AuthConfig {
  const serveraddress = registry === DEFAULT_REGISTRY ? "https://index.docker.io/v1/" : registry;
  return { username, password, serveraddress };
}

const Progress = z.object({ error: z.string().nullish() });

/** @returns why it did not come; undefined where it did */
async function pull(
  engine: Engine,
  reference: string,
  login: RegistryLogin | null,
  signal: AbortSignal,
): Promise<string | undefined> {
  const authconfig = login ? authOf(login) : undefined;
  const ask = { method: "POST", path: "/images/create", query: { fromImage: reference }, authconfig, signal } as const;
  let text = "";
  try {
    for await (const chunk of await openStream(engine, ask)) {
      const lines = `${text}${chunk}`.split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) {
        const error = errorIn(line);
        if (error) return error;
      }
    }
  } catch (error) {
    if (statusOf(error) === undefined) throw error;
    return said(error);
  }
  return errorIn(text);
}

function errorIn(line: string): string | undefined {
  if (line.trim() === "") return undefined;
  return Progress.safeParse(JSON.parse(line)).data?.error ?? undefined;
}

/** undefined while it may be a registry that is away for a moment */
export function pullCause(message: string): ImageTrouble | undefined {
  if (/unauthori[sz]ed|denied|forbidden|authentication required|no basic auth credentials/i.test(message))
    return "image-denied";
  if (
    /not found|manifest unknown|does not exist|no such (image|manifest)|name unknown|invalid reference/i.test(message)
  )
    return "image-not-found";
  return undefined;
}
