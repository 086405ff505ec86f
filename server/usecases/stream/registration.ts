// A registration of the seed as the enrolment that it is: the machine's own words become our fields, or it is told why not.
import { isIP } from "node:net";
import type { z } from "zod";
import { Enrol } from "../../../protocol/agent.ts";
import type { StreamRegistration } from "../../../protocol/streams.ts";
import { Refused } from "./message.ts";

type EnrolBody = z.infer<typeof Enrol>;
type Gpu = EnrolBody["machine"]["gpus"][number];

/** USD per core and hour of a machine that names no price for its cores: the agent's own default. */
const CPU_PRICE = "0.010000";
const NO_PRICE = "0.000000";

/**
 * What the enrolment would be over HTTP. The machine's name is its own one in lower case, and it joins the cluster.
 * @throws Refused `malformed`
 */
export function enrolmentOf(
  registration: StreamRegistration,
  { token, publicKey }: { readonly token: string; readonly publicKey: string },
): EnrolBody {
  const { provider_id, spec, capacity, region = "unknown", agent_version = "stream" } = registration;
  const refuse = (message: string) => new Refused("malformed", message, provider_id);
  const host = spec.public_ip ?? spec.private_ip;
  const disk = spec.available_disk_gb ?? spec.total_disk_gb;
  if (host === undefined) throw refuse("spec.public_ip: is missing; customers reach the machine on it");
  if (disk === undefined) throw refuse("spec.available_disk_gb: is missing");
  const gpus = gpusOf(spec, refuse);
  const body = Enrol.safeParse({
    token,
    public_key: publicKey,
    name: slug(provider_id, 63),
    region: slug(region, 32),
    host,
    price_per_gpu_hour: gpuPrice(capacity, gpus, refuse),
    price_per_cpu_hour: capacity.cpu_price_per_hour ?? CPU_PRICE,
    agent_version,
    machine: {
      hostname: spec.hostname,
      os: spec.os ?? "Linux",
      ...(spec.kernel_ver === undefined ? {} : { kernel: spec.kernel_ver }),
      addresses: [...new Set([spec.public_ip, spec.private_ip])].filter((address) => address && isIP(address) > 0),
      architecture: spec.architecture ?? "unknown",
      cpu_model: spec.cpu_model ?? "",
      cpu_cores: spec.cpu_cores,
      memory_mb: spec.total_memory_mb,
      disk_gb: disk,
      gpus,
      runtime: "kubernetes",
      sandboxed: true,
    },
  });
  if (body.success) return body.data;
  const { issues } = body.error;
  throw refuse(
    issues
      .slice(0, 5)
      .map(({ path, message }) => `${path.join(".")}: ${message}`)
      .join("; "),
  );
}

function gpusOf(spec: StreamRegistration["spec"], refuse: (message: string) => Refused): Gpu[] {
  const listed = spec.gpus ?? [];
  const total = spec.total_gpus ?? listed.length;
  // The seed's own example lists one model and counts four of it.
  const [only] = listed;
  const all = listed.length === 1 && only && !only.uuid ? Array.from({ length: total }, () => only) : listed;
  if (all.length !== total)
    throw refuse(`spec.total_gpus: says ${total}, but spec.gpus lists ${listed.length}; list every GPU with its uuid`);
  return all.map((gpu, at) => {
    const vram = gpu.memory_mb ?? gpu.memory;
    if (vram === undefined) throw refuse(`spec.gpus.${at}.memory_mb: is missing`);
    return {
      index: listed.length === total ? (gpu.index ?? at) : at,
      model: gpu.name,
      uuid: gpu.uuid ?? `declared-${at}`,
      vram_mb: vram,
      ...(gpu.driver_ver === undefined ? {} : { driver: gpu.driver_ver }),
      ...(gpu.pci_bus_id === undefined ? {} : { pci_bus: gpu.pci_bus_id }),
      declared: gpu.uuid === undefined,
    };
  });
}

/** A machine has one price a GPU and hour. What is named by model counts before the one figure for all. */
function gpuPrice(
  { gpu_price_per_hour: all, gpu_prices_per_hour: byModel }: StreamRegistration["capacity"],
  gpus: readonly Gpu[],
  refuse: (message: string) => Refused,
): string {
  if (gpus.length === 0) return all ?? NO_PRICE;
  const prices = new Set<string>();
  for (const { model } of gpus) {
    const price = byModel && Object.hasOwn(byModel, model) ? byModel[model] : all;
    if (price === undefined) throw refuse(`capacity.gpu_price_per_hour: is missing, and so is a price of ${model}`);
    prices.add(price);
  }
  const [price] = prices;
  if (price === undefined || prices.size > 1)
    throw refuse("capacity.gpu_prices_per_hour: a machine has one price for all its GPUs; name the same for each");
  return price;
}

export function slug(text: string, max: number): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, max)
    .replace(/^-+|-+$/g, "");
}
