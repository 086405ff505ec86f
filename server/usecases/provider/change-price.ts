// A new price is for new jobs: those that run keep the rate they were rented at.
import type { Principal } from "../../../domain/account/principal.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import { formatMicros } from "../../../domain/money/micros.ts";
import type { Deps } from "../../deps.ts";
import { recordEvent } from "../../repos/events.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { updateProvider } from "../../repos/providers.ts";
import { lockOwnedThere } from "./owned.ts";

/** @throws AppError `not-found`, `conflict` */
export async function changePrice(
  { db, clock, settings }: Pick<Deps, "db" | "clock" | "settings">,
  principal: Principal,
  id: ProviderId,
  price: { readonly price_per_gpu_hour: bigint; readonly price_per_cpu_hour: bigint },
): Promise<void> {
  const now = clock.now();
  const { price_per_gpu_hour: pricePerGpuHour, price_per_cpu_hour: pricePerCpuHour } = price;
  await db.transaction(async (tx) => {
    const provider = await lockOwnedThere(tx, principal, settings.operators, id);
    if (provider.pricePerGpuHour === pricePerGpuHour && provider.pricePerCpuHour === pricePerCpuHour) return;
    await updateProvider(tx, id, { pricePerGpuHour, pricePerCpuHour });
    await recomputeOffers(tx, id);
    const [gpu, cpu] = [formatMicros(pricePerGpuHour), formatMicros(pricePerCpuHour)];
    await recordEvent(tx, {
      subject: id,
      code: "price-changed",
      message: `New jobs cost $${gpu} an hour of a GPU and $${cpu} of a core. Those that run keep their price.`,
      data: {
        price_per_gpu_hour: gpu,
        price_per_cpu_hour: cpu,
        before_per_gpu_hour: formatMicros(provider.pricePerGpuHour),
        before_per_cpu_hour: formatMicros(provider.pricePerCpuHour),
      },
      actor: principal.account,
      at: now,
    });
  });
}
