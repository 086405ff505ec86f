// What a renter asks for, in the units that everything behind the wire uses.
import type { ProviderId } from "../ids.ts";

/** The longest a rental may last, extensions included. */
export const MAX_RENTAL_HOURS = 720;

/** Extra cores, memory and disk that come with each GPU where the wish names none. */
export const DEFAULT_CORES_PER_GPU = 4;
export const DEFAULT_MEMORY_GB_PER_GPU = 16;
export const DEFAULT_DISK_GB_PER_GPU = 50;

/** Where the wish names neither an image nor a template. */
export const DEFAULT_IMAGE = "ubuntu:24.04";

export interface RentWish {
  readonly name: string;
  readonly providerId: ProviderId | null;
  /** GPU model as offers name it, null for any (or none, where gpuCount is 0) */
  readonly gpuModel: string | null;
  readonly gpuCount: number;
  readonly cpuCores: number;
  readonly memoryGb: number;
  readonly diskGb: number;
  readonly hours: number;
  /** the highest rate accepted, micro-USD per hour; null for any */
  readonly maxRate: bigint | null;
  readonly image: string;
  /** slug of what gave image, defaults and needs; null for an image of the customer's own */
  readonly template: string | null;
  /** of each GPU; 0 for any */
  readonly minVramMb: number;
  /** runs beside SSH, as the template says; null for nothing */
  readonly command: readonly string[] | null;
  /** served to the owner at a host of its own; null for none */
  readonly httpPort: number | null;
  readonly env: Readonly<Record<string, string>>;
  /** OpenSSH public keys that may log in */
  readonly sshPublicKeys: readonly string[];
}
