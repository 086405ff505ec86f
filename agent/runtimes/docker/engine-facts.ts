// What `install` tells of a container engine.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { type Engine, findEngine, within } from "./engine.ts";

const CDI_FOLDERS = ["/etc/cdi", "/var/run/cdi"];
const Info = z.object({ Runtimes: z.record(z.string(), z.unknown()).nullish() });

/** @returns the engine that answers, or why none does and what helps */
export async function describeEngine() {
  const found = await findEngine();
  if ("why" in found) return found;
  const { kind, version, socket } = found.engine;
  const name = `${kind === "docker" ? "Docker" : "Podman"} ${version}`;
  return { kind, name, socket, gpus: await knowsGpus(found.engine) };
}

/** Docker has a runtime of NVIDIA's, Podman a specification of the Container Device Interface. */
async function knowsGpus({ docker, kind }: Engine): Promise<boolean> {
  if (kind === "podman") return CDI_FOLDERS.some(hasNvidia);
  const { Runtimes } = Info.parse(await within(docker.info()));
  return Runtimes?.nvidia !== undefined;
}

function hasNvidia(folder: string): boolean {
  try {
    const names = readdirSync(folder).filter((name) => /\.(ya?ml|json)$/.test(name));
    return names.some((name) => readFileSync(join(folder, name), "utf8").includes("nvidia.com/gpu"));
  } catch {
    return false;
  }
}
