// A new price is for new jobs: those that run keep the rate they were rented at.
import type { Principal } from "../../../domain/account/principal.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import type { Deps } from "../../deps.ts";

/** @throws AppError `not-found`, `conflict` */
export async function changePrice(
  _deps: Pick<Deps, "db" | "clock" | "settings">,
  _principal: Principal,
  _id: ProviderId,
  _price: { readonly price_per_gpu_hour: bigint; readonly price_per_cpu_hour: bigint },
): Promise<void> {
  throw new Error("UNBUILT");
}
