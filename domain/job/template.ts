// A template: what an image brings and needs, and what that makes of a wish.
import { AppError } from "../errors.ts";
import { DEFAULT_DISK_GB_PER_GPU, DEFAULT_IMAGE } from "./wish.ts";

export interface Template {
  readonly slug: string;
  readonly name: string;
  readonly image: string;
  readonly env: Readonly<Record<string, string>>;
  /** runs beside SSH: program and arguments; null for nothing */
  readonly command: readonly string[] | null;
  /** where that serves HTTP; null for nothing */
  readonly httpPort: number | null;
  /** of each GPU; 0: no GPU is needed */
  readonly minVramMb: number;
  readonly minDiskGb: number;
}

/** What of a wish a template has a say in. */
export interface Furnishing {
  readonly gpuCount: number;
  readonly image: string | null;
  /** null where the wish leaves it to the template */
  readonly httpPort: number | null;
  /** null where the wish leaves it to us */
  readonly diskGb: number | null;
  readonly env: Readonly<Record<string, string>>;
}

/** A name without a slash is one that the operator builds into a registry of its own. */
export function imageIn(registry: string, image: string): string {
  return image.includes("/") ? image : `${registry}/${image}`;
}

/**
 * Settles image, variables, disk and least VRAM. The customer's variables win over the template's.
 * @param template null for an image of the customer's own
 * @throws AppError `bad-request` that names the field where the wish asks for less than the template needs
 */
export function furnish(wish: Furnishing, template: Template | null, registry: string) {
  const usual = Math.max(1, wish.gpuCount) * DEFAULT_DISK_GB_PER_GPU;
  if (!template)
    return {
      image: wish.image ?? DEFAULT_IMAGE,
      template: null,
      command: null,
      httpPort: wish.httpPort,
      env: wish.env,
      diskGb: wish.diskGb ?? usual,
      minVramMb: 0,
    };
  if (template.minVramMb > 0 && wish.gpuCount === 0)
    throw tooLittle("gpu_count", `${template.name} needs a GPU with at least ${template.minVramMb} MB of VRAM`);
  if (wish.diskGb !== null && wish.diskGb < template.minDiskGb)
    throw tooLittle("storage_gb", `${template.name} needs at least ${template.minDiskGb} GB`);
  return {
    image: imageIn(registry, template.image),
    template: template.slug,
    command: template.command,
    httpPort: wish.httpPort ?? template.httpPort,
    env: { ...template.env, ...wish.env },
    diskGb: wish.diskGb ?? Math.max(usual, template.minDiskGb),
    minVramMb: template.minVramMb,
  };
}

function tooLittle(field: string, message: string): AppError {
  return new AppError("bad-request", `The template needs more: ${message}.`, { fields: [{ field, message }] });
}
