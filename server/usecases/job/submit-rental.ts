// From the wire's body to a wish: names, keys and defaults settled, then rented.
import type { Principal } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import { furnish } from "../../../domain/job/template.ts";
import type { RentWish } from "../../../domain/job/wish.ts";
import type { JobView } from "../../../protocol/job-views.ts";
import type { RentalBody } from "../../../protocol/operations/job.ts";
import type { Deps } from "../../deps.ts";
import { sshKeysOf } from "../../repos/ssh-keys.ts";
import { offeredTemplate } from "../../repos/templates.ts";
import { getJob } from "./get-job.ts";
import { inWords, rentGpu } from "./rent-gpu.ts";

/** @throws AppError `bad-request` where there is no such template, or the wish asks for less than it needs */
export async function toWish(
  { db, settings }: Pick<Deps, "db" | "settings">,
  body: RentalBody,
  sshPublicKeys: readonly string[],
): Promise<RentWish> {
  const template = body.template === undefined ? null : await offeredTemplate(db, body.template);
  if (body.template !== undefined && !template)
    throw new AppError("bad-request", "There is no such template.", {
      fields: [{ field: "template", message: "is none of GET /templates" }],
    });
  const asked = {
    gpuCount: body.gpu_count,
    image: body.image ?? null,
    httpPort: body.http_port ?? null,
    diskGb: body.storage_gb ?? null,
    env: body.env,
  };
  return {
    ...furnish(asked, template, settings.workspaceRegistry),
    name: body.name ?? inWords(body.gpu_count, body.gpu_type ?? "GPU", body.cpu_cores),
    providerId: body.provider_id ?? null,
    gpuModel: body.gpu_type ?? null,
    gpuCount: body.gpu_count,
    cpuCores: body.cpu_cores,
    memoryGb: body.memory_gb,
    hours: body.duration_hours,
    maxRate: body.max_price ?? null,
    sshPublicKeys,
  };
}

/**
 * Rents what the body asks for. Logging in takes the key in the body, or else all keys of the account.
 * @throws AppError `bad-request` where there is no SSH key to log in with, and all that `rentGpu` throws
 */
export async function submitRental(
  deps: Deps,
  renter: Principal,
  body: RentalBody,
  key: string | null,
): Promise<JobView> {
  const keys = body.ssh_public_key
    ? [deps.ssh.parsePublicKey(body.ssh_public_key).publicKey]
    : (await sshKeysOf(deps.db, renter.account)).map((row) => row.publicKey);
  if (keys.length === 0)
    throw new AppError("bad-request", "There is no SSH key to log in with.", {
      fields: [{ field: "ssh_public_key", message: "give one here, or add one to your account first" }],
    });
  const { jobId } = await rentGpu(deps, renter, await toWish(deps, body, keys), { key, request: body });
  return getJob(deps, renter, jobId);
}
