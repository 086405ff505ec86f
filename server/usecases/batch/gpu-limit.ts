// TENANT_MAX_GPUS as people meet it: a job that can never keep to it is refused; kept-waiting.ts tells those that wait because of it.
import type { Principal } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import type { BatchWish } from "../../../domain/job/batch.ts";
import { type FitByPlace, type GpuLimit, isNeverWithin } from "../../../domain/job/gpu-limit.ts";
import type { BatchBody } from "../../../protocol/batch.ts";
import type { Deps } from "../../deps.ts";
import { nodeGpusLeft } from "../job/rent-gpu.ts";

type LimitDeps = Pick<Deps, "db" | "settings">;

/** @param gpuCount of one execution; without GPUs nobody asks what is held */
export async function gpuLimitOf(
  { db, settings }: LimitDeps,
  customer: Principal | null,
  { gpuCount }: Pick<BatchWish, "gpuCount">,
): Promise<GpuLimit> {
  const most = settings.tenantMaxGpus;
  if (gpuCount === 0) return { most, left: most };
  return { most, left: await nodeGpusLeft(db, settings, customer?.account ?? null) };
}

/** @throws AppError `bad-request` that names the field and the limit */
export function refuseNeverWithin(
  body: Pick<BatchBody, "gpu_count" | "required_gpu">,
  { gpuCount }: BatchWish,
  limit: GpuLimit,
  fit: FitByPlace,
): void {
  if (!isNeverWithin(gpuCount, limit, fit)) return;
  const given = body.gpu_count !== undefined ? "gpu_count" : body.required_gpu ? "required_gpu" : "gpu_type";
  const may = `an account may hold at most ${limit.most} at once on nodes of the cluster`;
  const message =
    given === "gpu_count"
      ? `is at most ${limit.most}: ${may}, and only those have what it needs`
      : `asks for ${gpuCount}: ${may}, and only those have what it needs`;
  throw new AppError(
    "bad-request",
    `One run of it holds ${gpuCount} ${gpuCount === 1 ? "GPU" : "GPUs"}, and ${may}, the only machines that have what it needs: it would never run. Ask for fewer GPUs, or ask the operator for a higher limit (TENANT_MAX_GPUS).`,
    { fields: [{ field: given, message }] },
  );
}
